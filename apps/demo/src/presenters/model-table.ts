import type { CachedModel } from "@x/models/node";
import { alignColumns } from "./align-columns";
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
  return alignColumns([["NAME", "SIZE", "LICENCE", "STATE", "DESCRIPTION"], ...rows]);
}
