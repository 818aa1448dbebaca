import type { CachedModel } from "@x/models/node";
import { formatBytes } from "./units";

const states: Readonly<Record<CachedModel["state"], string>> = {
  valid: "in the cache",
  missing: "not downloaded",
  corrupt: "damaged, fetched again at the next use",
};

/** One line per model, in columns. */
export function formatModelTable(models: readonly CachedModel[]): string {
  const rows = models.map(({ name, entry, state }) => [
    name,
    formatBytes(entry.byteLength),
    entry.license,
    states[state],
    entry.description,
  ]);
  const titled = [["NAME", "SIZE", "LICENCE", "STATE", "DESCRIPTION"], ...rows];
  const widths = titled[0]?.map((_title, column) =>
    Math.max(...titled.map((row) => row[column]?.length ?? 0)),
  );
  const lines = titled.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}
