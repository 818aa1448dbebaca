/**
 * How weight rows are taken four (or eight) at a time. (`row-streams.ts` reads more where that pays.)
 *
 * A group holds rows far apart, one from each quarter of the range, so that memory is read as four
 * long streams, which the processor's prefetcher follows. With four adjacent rows it lost track:
 * 14.2 ms for the weights of a token instead of 10.3 (84 MB of Q4_1, Node 24, Zen 3). The rows that
 * are left over make one last group of adjacent rows, the last of them repeated.
 */

/** Distance in rows between the members of group `group` of `rows` rows. */
@inline
export function groupDistance(group: i32, rows: i32, size: i32): i32 {
  return group < rows / size ? rows / size : 1;
}

/** Rows in group `group`: `size` in all but the last. */
@inline
export function groupCount(group: i32, rows: i32, size: i32): i32 {
  return group < rows / size ? size : rows % size;
}

/** First row of group `group`. */
@inline
export function groupStart(group: i32, rows: i32, size: i32): i32 {
  return group < rows / size ? group : rows - (rows % size);
}
