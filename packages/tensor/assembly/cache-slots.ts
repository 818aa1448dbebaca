/**
 * Where a sequence's cache lies: four int32, the addresses of keys and values [Hkv, slots, D], the
 * bytes from one head to the next, and the address of its block table or 0.
 *
 * Without a table the token at position p lies in slot p. A table (Kwon et al. 2023, section 4.1) is
 * a list of int32: the tokens of a block, then the sequence's blocks by position; block b owns the
 * slots from b times the block's tokens on.
 */

/** Bytes of a description. */
export const cacheBytes: usize = 16;

/** The slot of the token at `position`. */
@inline
export function slotOf(cache: usize, position: i32): i32 {
  const table = load<usize>(cache, 12);
  if (table == 0) return position;
  const size = load<i32>(table);
  const index = position / size;
  return load<i32>(table + (index as usize) * 4, 4) * size + (position - index * size);
}

/** How many of the tokens from `position` to `end` lie in slots that follow each other. */
@inline
export function contiguousTokens(cache: usize, position: i32, end: i32): i32 {
  const table = load<usize>(cache, 12);
  if (table == 0) return end - position;
  const size = load<i32>(table);
  const index = position / size;
  let entry = table + (index as usize) * 4 + 4;
  let reached = (index + 1) * size;
  while (reached < end && load<i32>(entry, 4) == load<i32>(entry) + 1) {
    entry += 4;
    reached += size;
  }
  return min(reached, end) - position;
}
