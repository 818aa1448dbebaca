import { computed, effect, signal } from "@preact/signals";

/** Light or dark. */
type Theme = "light" | "dark";

const storageName = "x-theme";
const systemQuery = window.matchMedia("(prefers-color-scheme: dark)");
const systemTheme = signal<Theme>(systemQuery.matches ? "dark" : "light");
const chosenTheme = signal<Theme | undefined>(readChosenTheme());

/** The system's, until the reader chooses. */
export const theme = computed(() => chosenTheme.value ?? systemTheme.value);

/** Follows the system and the reader's choice. */
export function startTheme(): void {
  systemQuery.addEventListener("change", ({ matches }) => {
    systemTheme.value = matches ? "dark" : "light";
  });
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
  });
}

/** Changes to the other one, and remembers it. */
export function toggleTheme(): void {
  const chosen = theme.peek() === "dark" ? "light" : "dark";
  chosenTheme.value = chosen;
  localStorage.setItem(storageName, chosen);
}

function readChosenTheme(): Theme | undefined {
  const stored = localStorage.getItem(storageName);
  return stored === "light" || stored === "dark" ? stored : undefined;
}
