/** What a policy decides on: the entries of one layer. */
export interface EvictionRequest {
  /** Position of each entry, ascending. */
  readonly positions: Int32Array;
  /** Attention that each entry has received, summed over heads and queries; zeros if unobserved. */
  readonly scores: Float64Array;
  /** Attention that each entry received from the newest `observationWindow` queries. */
  readonly recentScores: Float64Array;
  /** How many entries to keep, fewer than there are. */
  readonly keep: number;
}

/** Chooses which entries a bounded store keeps. */
export interface EvictionPolicy {
  /** Name for reports; part of the store's description. */
  readonly name: string;
  /** Whether the policy needs the attention weights, by `observe`. */
  readonly needsWeights: boolean;
  /** Queries whose weights count for `recentScores`. Default 0: none. */
  readonly observationWindow?: number;
  /** Indexes of exactly `keep` entries. Any order. */
  select(request: EvictionRequest): readonly number[];
}

/** Keeps the newest entries, and the first `sinks` ones. Positions stay what they were. */
export function recentPolicy({ sinks = 0 }: { readonly sinks?: number } = {}): EvictionPolicy {
  return {
    name: sinks > 0 ? `recent, ${sinks} sinks` : "recent",
    needsWeights: false,
    select: ({ positions, keep }) => {
      const first = Math.min(sinks, keep);
      const newest = positions.length - (keep - first);
      return Array.from({ length: keep }, (_, index) =>
        index < first ? index : newest + index - first,
      );
    },
  };
}

/** Settings of {@link heavyHitterPolicy}. */
export interface HeavyHitterOptions {
  /** Share of the kept entries that is the newest ones, whatever their weight. Default 0.5. */
  readonly recentShare?: number;
}

/**
 * Keeps the entries that received most attention so far, and the newest (H2O: Zhang et al. 2023,
 * arXiv 2306.14048). The paper chooses per head; here the heads of a layer choose together, so that
 * they share positions.
 */
export function heavyHitterPolicy({ recentShare = 0.5 }: HeavyHitterOptions = {}): EvictionPolicy {
  return {
    name: `heavy hitters, ${recentShare} recent`,
    needsWeights: true,
    select: ({ scores, keep }) => {
      const recent = Math.min(keep, Math.ceil(keep * recentShare));
      const firstRecent = scores.length - recent;
      return [
        ...heaviest(scores, firstRecent, keep - recent),
        ...range(firstRecent, scores.length),
      ];
    },
  };
}

/** Settings of {@link snapPolicy}. */
export interface SnapOptions {
  /** Queries at the end of the prompt whose attention decides. Default 32. */
  readonly observationWindow?: number;
  /** Width of the maximum that is taken over neighbours, odd. Default 7. */
  readonly kernelSize?: number;
}

/**
 * Keeps what the end of the prompt looks at, with its neighbourhood, and the end itself (SnapKV: Li
 * et al. 2024, arXiv 2404.14469). Heads of a layer choose together.
 */
export function snapPolicy({
  observationWindow = 32,
  kernelSize = 7,
}: SnapOptions = {}): EvictionPolicy {
  return {
    name: `snap, window ${observationWindow}, kernel ${kernelSize}`,
    needsWeights: true,
    observationWindow,
    select: ({ recentScores, keep }) => {
      const recent = Math.min(keep, observationWindow);
      const firstRecent = recentScores.length - recent;
      const half = kernelSize >> 1;
      const pooled = recentScores.map((_, index) =>
        Math.max(...recentScores.subarray(Math.max(0, index - half), index + half + 1)),
      );
      return [
        ...heaviest(pooled, firstRecent, keep - recent),
        ...range(firstRecent, pooled.length),
      ];
    },
  };
}

/** Indexes below `end` of the `count` largest scores; the newer of equals. */
function heaviest(scores: Float64Array, end: number, count: number): number[] {
  return range(0, end)
    .sort((left, right) => (scores[right] ?? 0) - (scores[left] ?? 0) || right - left)
    .slice(0, count);
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, index) => start + index);
}
