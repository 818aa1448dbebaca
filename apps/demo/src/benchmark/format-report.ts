import { latencyNames, type ServingReport } from "./serving-report";

const titles = {
  ttft: "time to first token",
  tpot: "time per output token",
  itl: "between tokens",
  e2el: "end to end",
} as const;

/** The report as lines for a terminal. */
export function formatServingReport(report: ServingReport): string {
  const { latencies, goodput, errors } = report;
  const figures: [name: string, value: string][] = [
    ["requests completed", String(report.completed)],
    ["requests failed", String(report.failed)],
    ["duration (s)", report.durationSeconds.toFixed(2)],
    ["most at a time", String(report.peakConcurrency)],
    ["prompt tokens", String(report.promptTokens)],
    ["output tokens", String(report.outputTokens)],
    ["requests/s", report.requestsPerSecond.toFixed(2)],
    ["output tokens/s", report.outputTokensPerSecond.toFixed(1)],
    ["total tokens/s", report.totalTokensPerSecond.toFixed(1)],
  ];
  if (goodput !== undefined) figures.push(["goodput (requests/s)", goodput.toFixed(2)]);
  const percentages = Object.keys(latencies.ttft.percentiles);
  const header = ["(ms)", "mean", "median", "std", ...percentages.map((p) => `p${p}`)];
  const rows = latencyNames.map((name) => {
    const { mean, median, std, percentiles } = latencies[name];
    const values = [mean, median, std, ...percentages.map((p) => percentiles[p] ?? 0)];
    return [titles[name], ...values.map((value) => value.toFixed(1))];
  });
  return [
    ...formatColumns(figures),
    "",
    ...formatColumns([header, ...rows]),
    ...errors.slice(0, 5).map((error) => `failed: ${error}`),
    "",
  ].join("\n");
}

/** Lines of cells: the first to the left, the others to the right. */
export function formatColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart((widths[column] ?? 0) + 2),
      )
      .join(""),
  );
}
