/** Figures of a distribution. */
export interface Summary {
  readonly mean: number;
  readonly median: number;
  readonly std: number;
  /** By percentage. */
  readonly percentiles: Readonly<Record<string, number>>;
}

/** The figures of `values`; zeros when there are none. */
export function summarizeValues(
  values: readonly number[],
  percentages: readonly number[],
): Summary {
  const sorted = [...values].sort((left, right) => left - right);
  const mean = average(sorted);
  return {
    mean,
    median: percentile(sorted, 50),
    std: Math.sqrt(average(sorted.map((value) => (value - mean) ** 2))),
    percentiles: Object.fromEntries(percentages.map((p) => [String(p), percentile(sorted, p)])),
  };
}

function average(values: readonly number[]): number {
  if (values.length === 0) return 0;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Between the two nearest of the `sorted` values, in proportion, as NumPy does. */
function percentile(sorted: readonly number[], percentage: number): number {
  const position = ((sorted.length - 1) * percentage) / 100;
  const lower = sorted[Math.floor(position)] ?? 0;
  const upper = sorted[Math.ceil(position)] ?? 0;
  return lower + (upper - lower) * (position - Math.floor(position));
}
