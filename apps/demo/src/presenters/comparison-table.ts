import type { ComparisonRow } from "../comparison/comparison-row";
import { alignColumns } from "./align-columns";
import { formatBytes, formatDuration } from "./units";

/** One line per way, in columns; speeds are also given against the first way's. */
export function formatComparison(rows: readonly ComparisonRow[]): string {
  const first = rows[0]?.tokensPerSecond ?? Number.NaN;
  return alignColumns([
    ["WAY", "TOKENS/S", "SPEED", "FIRST TOKEN", "KEYS AND VALUES", "SAME ANSWER"],
    ...rows.map((row) => [
      row.name,
      row.tokensPerSecond.toFixed(1),
      `${(row.tokensPerSecond / first).toFixed(2)}x`,
      formatDuration(row.timeToFirstTokenMs),
      formatBytes(row.cacheBytes),
      row.isSameAnswer ? "yes" : "no",
    ]),
  ]);
}
