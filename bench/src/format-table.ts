import type { BenchRow } from "./bench-row";

/** The rows as a Markdown table, columns aligned. */
export function formatTable(rows: readonly BenchRow[]): string {
  const header = ["case", "threads", "unit", "ours", "peer", "", "ratio"];
  const body = rows.map((row) => [
    row.case,
    String(row.threads),
    row.unit,
    figure(row.ours),
    row.peerName ?? "none",
    row.peer === null ? "" : figure(row.peer),
    row.ratio === null ? "" : row.ratio.toFixed(2),
  ]);
  const widths = header.map((title, column) =>
    Math.max(3, title.length, ...body.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  return `${[line(header), rule, ...body.map(line)].join("\n")}\n`;
}

/** At least three digits that count; whole numbers as they are. */
function figure(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 10 ? value.toPrecision(3) : value.toFixed(1);
}
