/** Sum and number of the times to a first token since the server began. */
export interface FirstTokenTotals {
  readonly seconds: number;
  readonly count: number;
}

const metricName = "vllm:time_to_first_token_seconds";

/**
 * Finds the totals in a server's metrics.
 *
 * @param metrics - In Prometheus' text format.
 * @returns Undefined when the metrics have no such figures.
 */
export function parseFirstTokenTotals(metrics: string): FirstTokenTotals | undefined {
  const seconds = sumOf(`${metricName}_sum`, metrics);
  const count = sumOf(`${metricName}_count`, metrics);
  return seconds === undefined || count === undefined ? undefined : { seconds, count };
}

/** A metric over all its labels. */
function sumOf(name: string, metrics: string): number | undefined {
  const values = metrics
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}
