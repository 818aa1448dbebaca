import { hyperbolicTangent } from "./exponential";
import { lanes, quad } from "./pack";
import { Problem } from "./problem";
import { multiply, QuadStep } from "./multiply";
import { PanelRange, QueryRows } from "./query-rows";

/**
 * Scores of a panel of eight queries with a tile of keys, held with the queries in the lanes:
 * `[keys][8]`. Maxima and sums over keys then need no operation across lanes.
 */

/** scores[key, lane] = scale · Σ_i keys[key, i] queries[lane, i]; whole quads of keys. */
export function scorePanel(
  keyQuads: usize,
  queryPanel: usize,
  size: i32,
  keys: i32,
  scale: f32,
  scores: usize,
): void {
  const quadBytes: usize = size * quad * 4;
  for (let key = 0; key < keys; key += quad) {
    multiply<QuadStep>(keyQuads, queryPanel, size, scores, 32, false, scale);
    keyQuads += quadBytes;
    scores += quad * lanes * 4;
  }
}

/** Whether every score is computed as it stands. */
@inline
export function hasModifiers(problem: Problem): bool {
  return problem.softcap != 0 || problem.slopes != 0 || problem.bias != 0 || problem.mask != 0;
}

/**
 * Softcap, ALiBi, bias and boolean mask, in this order, on the scores of one panel.
 *
 * @param bends - Where the derivative of the softcap goes, or 0.
 */
export function modifyScores(
  problem: Problem,
  rows: QueryRows,
  firstLane: i32,
  firstKey: i32,
  keys: i32,
  keyLength: i32,
  scores: usize,
  bends: usize,
): void {
  const one = f32x4.splat(1);
  const cap = f32x4.splat(problem.softcap);
  for (let half = 0; half < lanes; half += quad) {
    const lane = (firstLane + half) * 4;
    const slope = v128.load(rows.slope + lane);
    const position = f32x4.convert_i32x4_s(v128.load(rows.position + lane));
    for (let key = 0; key < keys; key++) {
      const at = scores + key * lanes * 4 + half * 4;
      const index = firstKey + key;
      let score = v128.load(at);
      if (problem.softcap != 0) {
        const bent = hyperbolicTangent(f32x4.div(score, cap));
        score = f32x4.mul(bent, cap);
        if (bends != 0) {
          const bend = f32x4.sub(one, f32x4.mul(bent, bent));
          v128.store(bends + key * lanes * 4 + half * 4, bend);
        }
      }
      if (problem.slopes != 0) {
        const distance = f32x4.abs(f32x4.sub(position, f32x4.splat(index as f32)));
        score = f32x4.sub(score, f32x4.mul(slope, distance));
      }
      if (problem.bias != 0 && index < keyLength) {
        const step: usize = index * problem.biasKeyStride * 4;
        score = f32x4.add(score, gather(rows.bias + lane, step));
      }
      if (problem.mask != 0 && index < keyLength) {
        const step: usize = index * problem.maskKeyStride * 4;
        const isHidden = i32x4.eq(gather(rows.mask + lane, step), i32x4.splat(0));
        score = v128.bitselect(f32x4.splat(f32.NEGATIVE_INFINITY), score, isHidden);
      }
      v128.store(at, score);
    }
  }
}

/** The word `step` bytes behind each of four addresses. */
@inline
export function gather(addresses: usize, step: usize): v128 {
  let words = v128.load32_zero(load<usize>(addresses) + step);
  words = v128.load32_lane(load<usize>(addresses, 4) + step, words, 1);
  words = v128.load32_lane(load<usize>(addresses, 8) + step, words, 2);
  return v128.load32_lane(load<usize>(addresses, 12) + step, words, 3);
}

/** Whether some lane of the panel does not see some of the keys. */
@inline
export function isPartial(range: PanelRange, firstKey: i32, keys: i32): bool {
  return firstKey < range.everyLow || firstKey + keys > range.everyHigh;
}

/** Replaces the scores of keys outside of a lane's range by `hidden`. */
export function hideScores(
  rows: QueryRows,
  firstLane: i32,
  firstKey: i32,
  keys: i32,
  hidden: f32,
  scores: usize,
): void {
  const filler = f32x4.splat(hidden);
  for (let half = 0; half < lanes; half += quad) {
    const lane = (firstLane + half) * 4;
    const low = v128.load(rows.low + lane);
    const high = v128.load(rows.high + lane);
    for (let key = 0; key < keys; key++) {
      const at = scores + key * lanes * 4 + half * 4;
      const index = i32x4.splat(firstKey + key);
      const isSeen = v128.and(i32x4.ge_s(index, low), i32x4.lt_s(index, high));
      v128.store(at, v128.bitselect(v128.load(at), filler, isSeen));
    }
  }
}
