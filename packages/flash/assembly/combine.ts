import { partOf } from "./decode";
import { exponentialOf, logarithm } from "./exponential";
import { lanes } from "./pack";
import { Problem, roundUp, sequenceAt } from "./problem";
import { countStores } from "./traffic";

/**
 * The parts of a row of attention put together: with L_s the log-sum-exp of part s and O_s its
 * output, L = logsumexp_s L_s and O = Σ_s e^(L_s - L) O_s.
 */

/** Combines the splits of sequences `begin` to `end`. */
export function flashCombine(problem: Problem, begin: i32, end: i32): void {
  const valueSize = problem.valueSize;
  const group = problem.group;
  for (let batchIndex = begin; batchIndex < end; batchIndex++) {
    const sequence = sequenceAt(problem, batchIndex);
    const count = sequence.queryLength * group;
    for (let kvHead = 0; kvHead < problem.kvHeads; kvHead++) {
      for (let row = 0; row < count; row++) {
        const token = row / group;
        const head = kvHead * group + (row % group);
        const outputRow = (sequence.outputStart + token) * problem.heads + head;
        const target = problem.output + outputRow * valueSize * 4;
        const lane = kvHead * problem.tileQueries + row;
        const total = combineRow(problem, sequence.firstUnit, lane, target);
        const index =
          batchIndex * problem.logSumExpBatchStride +
          head * problem.logSumExpHeadStride +
          sequence.queryStart +
          token;
        store<f32>(problem.logSumExp + index * 4, total);
      }
      countStores(count * (valueSize + 1));
    }
  }
}

/** Combines the parts of one row. Returns the log-sum-exp. */
function combineRow(problem: Problem, firstUnit: i32, lane: i32, target: usize): f32 {
  const end = firstUnit + problem.splits;
  const size = problem.valueSize;
  const rowBytes: usize = roundUp(size, lanes) * 4;
  let maximum = f32.NEGATIVE_INFINITY;
  for (let unit = firstUnit; unit < end; unit++) {
    maximum = max(maximum, load<f32>(partOf(problem, unit).maximum + lane * 4));
  }
  // Where nothing was seen, sum and output are 0 whatever their factor.
  const shift: f32 = maximum == f32.NEGATIVE_INFINITY ? 0 : maximum;
  let sum: f32 = 0;
  memory.fill(target, 0, size * 4);
  for (let unit = firstUnit; unit < end; unit++) {
    const part = partOf(problem, unit);
    const own = load<f32>(part.maximum + lane * 4) - shift;
    const factor = f32x4.extract_lane(exponentialOf(f32x4.splat(own)), 0);
    sum += factor * load<f32>(part.sum + lane * 4);
    addScaled(part.output + lane * rowBytes, factor, size, target);
  }
  const scale: f32 = sum == 0 ? 0 : 1 / sum;
  for (let column = 0; column < size; column++) {
    store<f32>(target + column * 4, load<f32>(target + column * 4) * scale);
  }
  return ((maximum as f64) + logarithm(sum as f64)) as f32;
}

/** target[:] += factor · source[:]. */
@inline
function addScaled(source: usize, factor: f32, size: i32, target: usize): void {
  for (let column = 0; column < size; column++) {
    const value = load<f32>(source + column * 4) * factor;
    store<f32>(target + column * 4, load<f32>(target + column * 4) + value);
  }
}
