import type { SequenceAttributes } from "./sequence-attributes";

/** A stretch of time steps that is run as one. */
export interface Segment {
  /** Position in time among the segments. */
  readonly place: number;
  readonly start: number;
  readonly end: number;
  /** Steps of each row within the segment. */
  readonly lengths: readonly number[];
}

/** The segments between which only the state is kept, in the order in which they are run. */
export function cutSegments(
  steps: number,
  {
    recomputeEvery = steps,
    lengths,
    isReverse,
  }: SequenceAttributes & {
    readonly recomputeEvery?: number | undefined;
    readonly lengths: readonly number[];
  },
): Segment[] {
  const size = Math.max(1, recomputeEvery);
  const segments = Array.from({ length: Math.ceil(steps / size) }, (_, place): Segment => {
    const start = place * size;
    const end = Math.min(steps, start + size);
    const within = (length: number) => Math.min(Math.max(length - start, 0), end - start);
    return { place, start, end, lengths: lengths.map(within) };
  });
  return isReverse ? segments.reverse() : segments;
}
