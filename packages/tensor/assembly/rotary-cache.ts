import { cacheBytes, slotOf } from "./cache-slots";
import { operand } from "./program/instruction";
import { rotary } from "./rotary";

/**
 * Turns queries in place, and turns keys on their way into the caches of their sequences, values
 * with them.
 *
 * Operands: queries [rows, H, D], keys [rows, Hkv, D], values, cosines, sines, rows, caches,
 * number of rows, heads of queries, heads of keys, head size, rotary size (negative: pairs i with
 * i + half instead of 2i with 2i + 1), rows per chunk.
 *
 * A row is described by two int32: its position, and its sequence; caches as in `cache-slots.ts`.
 */
export function rotateIntoCache(instruction: usize, chunk: i32): void {
  const heads = operand(instruction, 8);
  const kvHeads = operand(instruction, 9);
  const headSize = operand(instruction, 10);
  const signedSize = operand(instruction, 11);
  const rotarySize = abs(signedSize);
  const interleaved = signedSize > 0 ? 1 : 0;
  const begin = chunk * operand(instruction, 12);
  const end = min(begin + operand(instruction, 12), operand(instruction, 7));
  const cosines = operand(instruction, 3) as usize;
  const sines = operand(instruction, 4) as usize;
  const headBytes: usize = headSize * 4;
  for (let row = begin; row < end; row++) {
    const description = (operand(instruction, 5) as usize) + row * 8;
    const position = load<i32>(description);
    const cache = (operand(instruction, 6) as usize) + load<i32>(description, 4) * cacheBytes;
    const queries = (operand(instruction, 0) as usize) + row * heads * headBytes;
    // `rotary` reads positions from memory; the description starts with this row's.
    rotary(
      queries,
      cosines,
      sines,
      description,
      queries,
      1,
      heads,
      headSize,
      rotarySize,
      interleaved,
    );
    const cacheOffset = (slotOf(cache, position) as usize) * headBytes;
    for (let head = 0; head < kvHeads; head++) {
      const offset = ((row * kvHeads + head) as usize) * headBytes;
      const target = cacheOffset + head * load<usize>(cache, 8);
      rotary(
        (operand(instruction, 1) as usize) + offset,
        cosines,
        sines,
        description,
        load<usize>(cache) + target,
        1,
        1,
        headSize,
        rotarySize,
        interleaved,
      );
      memory.copy(
        load<usize>(cache, 4) + target,
        (operand(instruction, 2) as usize) + offset,
        headBytes,
      );
    }
  }
}
