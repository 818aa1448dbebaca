import { lanes, quad } from "./pack";
import { Problem } from "./problem";
import { QueryRows } from "./query-rows";

/**
 * Dropout by a counter-based generator, so that the backward pass makes the same mask again: the
 * block cipher Speck32/64 (Beaulieu et al. 2013, "The SIMON and SPECK Families of Lightweight Block
 * Ciphers") encrypts (key index, query index) under a key made of the seed and the head. Its words
 * have 16 bits: eight lanes of a vector here, and exact in the float32 that gpu.js computes with.
 */

/** Rounds of Speck32/64. */
export const rounds: i32 = 22;

/** Bytes that `prepareDropout` writes: each lane's round keys, and its query index. */
export const dropoutBytes: i32 = rounds * 16 + 16;

/** Gathers the round keys of the eight heads in a panel. */
export function prepareDropout(
  problem: Problem,
  batchIndex: i32,
  rows: QueryRows,
  firstLane: i32,
  target: usize,
): void {
  for (let lane = 0; lane < lanes; lane++) {
    const head = load<i32>(rows.head + (firstLane + lane) * 4);
    const source = problem.dropoutKeys + (batchIndex * problem.heads + head) * rounds * 4;
    for (let round = 0; round < rounds; round++) {
      store<u16>(target + round * 16 + lane * 2, load<i32>(source + round * 4) as u16);
    }
    const token = load<i32>(rows.token + (firstLane + lane) * 4);
    store<u16>(target + rounds * 16 + lane * 2, token as u16);
  }
}

/** Eight random words of 16 bits, for one key index and the panel's queries. */
@inline
function randomWords(keyIndex: i32, prepared: usize): v128 {
  let x = i16x8.splat(keyIndex as i16);
  let y = v128.load(prepared + rounds * 16);
  for (let round = 0; round < rounds; round++) {
    x = v128.or(i16x8.shr_u(x, 7), i16x8.shl(x, 9));
    x = v128.xor(i16x8.add(x, y), v128.load(prepared + round * 16));
    y = v128.xor(v128.or(i16x8.shl(y, 2), i16x8.shr_u(y, 14)), x);
  }
  return x;
}

/** Sets dropped weights to 0, and scales the others up by 1 / (1 - p). */
export function dropWeights(
  problem: Problem,
  rows: QueryRows,
  firstLane: i32,
  firstKey: i32,
  keys: i32,
  prepared: usize,
  weights: usize,
): void {
  const threshold = i16x8.splat(problem.dropThreshold as i16);
  const scale = f32x4.splat(problem.keepScale);
  for (let key = 0; key < keys; key++) {
    const isKept = i16x8.ge_u(randomWords(firstKey + key, prepared), threshold);
    const at = weights + key * lanes * 4;
    const low = v128.and(i32x4.extend_low_i16x8_s(isKept), f32x4.mul(v128.load(at), scale));
    const high = v128.and(i32x4.extend_high_i16x8_s(isKept), f32x4.mul(v128.load(at, 16), scale));
    v128.store(at, low);
    v128.store(at + quad * 4, high);
  }
}
