import { type Arithmetic, float64, type Rows } from "./arithmetic";

/** Attention by its definition, with every score held: the oracle that the kernels must equal. */

/** Values that broadcast to `[B, H, Nq, Nk]`. */
export interface ScoreValues {
  readonly values: ArrayLike<number>;
  readonly shape: readonly [number, number, number, number];
}

/** One problem, in plain arrays. Sequences are packed one behind the other. */
export interface OracleProblem {
  readonly heads: number;
  readonly kvHeads: number;
  readonly keySize: number;
  readonly valueSize: number;
  /** `[Nq, Nk]` of each sequence. */
  readonly lengths: readonly (readonly [number, number])[];
  /** `[Σ Nq, H, D]`, `[Σ Nk, Hkv, D]`, `[Σ Nk, Hkv, Dv]`. */
  readonly queries: ArrayLike<number>;
  readonly keys: ArrayLike<number>;
  readonly values: ArrayLike<number>;
  readonly scale: number;
  readonly causal?: boolean;
  readonly left?: number;
  readonly right?: number;
  readonly softcap?: number;
  /** `[B, H]`. */
  readonly slopes?: ArrayLike<number>;
  readonly bias?: ScoreValues;
  readonly mask?: ScoreValues;
  /** `[H]`. */
  readonly sinks?: ArrayLike<number>;
  /** Factor of a weight: 0, or 1 / (1 - p). */
  readonly keep?: (sequence: number, head: number, query: number, key: number) => number;
}

/** Gradients that arrive: of the output, and of the log-sum-exp as `[H, Nq]` of each sequence. */
export interface OracleGradients {
  readonly output: ArrayLike<number>;
  readonly logSumExp: ArrayLike<number>;
}

/** All results. The log-sum-exp is `[H, Nq]` of each sequence, one behind the other. */
export interface OracleResult {
  readonly output: Float64Array;
  readonly logSumExp: Float64Array;
  readonly queryGradient: Float64Array;
  readonly keyGradient: Float64Array;
  readonly valueGradient: Float64Array;
  readonly biasGradient: Float64Array;
  readonly sinkGradient: Float64Array;
}

/**
 * @param arithmetic - `float64` for the oracle, `float32` for a plain attention.
 */
export function attend(
  problem: OracleProblem,
  arithmetic: Arithmetic = float64,
  gradients?: OracleGradients,
): OracleResult {
  const { round } = arithmetic;
  const { heads, kvHeads, keySize, valueSize, lengths, scale } = problem;
  const { queries, keys, values, bias, mask, slopes, sinks, softcap = 0 } = problem;
  const left = problem.left ?? Number.POSITIVE_INFINITY;
  const right = problem.right ?? Number.POSITIVE_INFINITY;
  const totalQueries = lengths.reduce((sum, [length]) => sum + length, 0);
  const result = {
    output: new Float64Array(totalQueries * heads * valueSize),
    logSumExp: new Float64Array(totalQueries * heads),
    queryGradient: new Float64Array(queries.length),
    keyGradient: new Float64Array(keys.length),
    valueGradient: new Float64Array(values.length),
    biasGradient: new Float64Array(bias?.values.length ?? 0),
    sinkGradient: new Float64Array(heads),
  };
  const { output, queryGradient, keyGradient, valueGradient, biasGradient, sinkGradient } = result;
  const cellOf = ({ shape }: ScoreValues, b: number, h: number, i: number, j: number) => {
    const [sb, sh, si, sj] = shape;
    return (((b % sb) * sh + (h % sh)) * si + (i % si)) * sj + (j % sj);
  };
  let queryStart = 0;
  let keyStart = 0;
  lengths.forEach(([queryLength, keyLength], b) => {
    const list = () => new Float64Array(keyLength);
    const [raw, scores, bends, weights, keeps] = [list(), list(), list(), list(), list()];
    const [kept, weightGradients, factors] = [list(), list(), list()];
    for (let h = 0; h < heads; h++) {
      const kv = Math.floor(h / (heads / kvHeads));
      /** The rows of this head, in a list of rows of `size` elements. */
      const rowsOf = <List extends ArrayLike<number>>(of: List, size: number): Rows<List> => {
        const stride = kvHeads * size;
        return { of, start: keyStart * stride + kv * size, stride, size };
      };
      for (let i = 0; i < queryLength; i++) {
        const q = ((queryStart + i) * heads + h) * keySize;
        const aligned = i + keyLength - queryLength;
        const isInReach = (j: number) =>
          !(problem.causal && j > aligned) && j >= aligned - left && j <= aligned + right;
        let [low, high] = [0, keyLength];
        while (low < high && !isInReach(low)) low++;
        while (high > low && !isInReach(high - 1)) high--;
        arithmetic.products(queries, q, rowsOf(keys, keySize), low, high, raw);
        const sink = sinks?.[h] ?? Number.NEGATIVE_INFINITY;
        let maximum = sink;
        for (let j = low; j < high; j++) {
          scores[j] = Number.NEGATIVE_INFINITY;
          if (mask && mask.values[cellOf(mask, b, h, i, j)] === 0) continue;
          let s = round(raw[j]! * scale);
          if (softcap > 0) {
            const bent = round(Math.tanh(round(s / softcap)));
            s = round(softcap * bent);
            bends[j] = round(1 - round(bent * bent));
          }
          if (slopes) s = round(s - round(slopes[b * heads + h]! * Math.abs(aligned - j)));
          if (bias) s = round(s + bias.values[cellOf(bias, b, h, i, j)]!);
          scores[j] = s;
          if (!(s <= maximum)) maximum = s;
        }
        const shift = maximum === Number.NEGATIVE_INFINITY ? 0 : maximum;
        let sum = round(Math.exp(round(sink - shift)));
        for (let j = low; j < high; j++) {
          weights[j] = round(Math.exp(round(scores[j]! - shift)));
          sum = round(sum + weights[j]!);
        }
        const total = round(shift + round(Math.log(sum)));
        const row = queryStart * heads + h * queryLength + i;
        result.logSumExp[row] = total;
        const o = ((queryStart + i) * heads + h) * valueSize;
        if (sum === 0) continue;
        for (let j = low; j < high; j++) {
          keeps[j] = problem.keep ? round(problem.keep(b, h, i, j)) : 1;
          kept[j] = round(round(weights[j]! / sum) * keeps[j]!);
        }
        arithmetic.addRows(output, o, kept, rowsOf(values, valueSize), low, high);
        if (gradients === undefined) continue;
        const aligning = arithmetic.dot(gradients.output, o, output, o, valueSize);
        const delta = round(aligning - gradients.logSumExp[row]!);
        const arriving = gradients.output;
        arithmetic.products(arriving, o, rowsOf(values, valueSize), low, high, weightGradients);
        for (let j = low; j < high; j++) {
          // The backward pass is defined by recomputation from the log-sum-exp.
          const weight = round(Math.exp(round(scores[j]! - total)));
          kept[j] = round(weight * keeps[j]!);
          const scoreGradient = round(
            weight * round(round(weightGradients[j]! * keeps[j]!) - delta),
          );
          if (bias) {
            const cell = cellOf(bias, b, h, i, j);
            biasGradient[cell] = round(biasGradient[cell]! + scoreGradient);
          }
          factors[j] = round(
            (softcap > 0 ? round(scoreGradient * bends[j]!) : scoreGradient) * scale,
          );
        }
        arithmetic.addToRows(rowsOf(valueGradient, valueSize), kept, arriving, o, low, high);
        arithmetic.addRows(queryGradient, q, factors, rowsOf(keys, keySize), low, high);
        arithmetic.addToRows(rowsOf(keyGradient, keySize), factors, queries, q, low, high);
        if (sinks) {
          const weight = round(Math.exp(round(sink - total)));
          sinkGradient[h] = round(sinkGradient[h]! - round(weight * delta));
        }
      }
    }
    queryStart += queryLength;
    keyStart += keyLength;
  });
  return result;
}
