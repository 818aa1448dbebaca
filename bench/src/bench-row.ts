/** One case against one peer, as `--json` writes it. */
export interface BenchRow {
  readonly suite: string;
  readonly case: string;
  /** Unit of both figures. */
  readonly unit: string;
  /** Our median. */
  readonly ours: number;
  /** The peer's median; `null` where there is no peer. */
  readonly peer: number | null;
  readonly peerName: string | null;
  /** Over 1: ours is better. `null` where there is no peer. */
  readonly ratio: number | null;
  readonly threads: number;
  /** Version of Node that ran both. */
  readonly node: string;
}

/** What every suite is given. */
export interface BenchOptions {
  /** Times that ours and the peer run, alternating. */
  readonly rounds: number;
  /** Run only the cases whose names contain this. */
  readonly only?: string | undefined;
  /** Says what is going on; standard output belongs to the table. */
  readonly log: (line: string) => void;
}

/** A benchmark that the command line can run by name. */
export interface BenchSuite {
  readonly name: string;
  readonly description: string;
  run(options: BenchOptions): Promise<BenchRow[]>;
}

/** The middle of `values`, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** The median of the faster half: on a shared machine the slower half measures the others. */
export function medianOfFasterHalf(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return median(sorted.slice(0, Math.ceil(sorted.length / 2)));
}
