import { type Arithmetic, float64 } from "./arithmetic";

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
  const { round, dot, addScaled } = arithmetic;
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
  const { output, queryGradient, keyGradient, valueGradient } = result;
  const cellOf = ({ shape }: ScoreValues, b: number, h: number, i: number, j: number) => {
    const [sb, sh, si, sj] = shape;
    return (((b % sb) * sh + (h % sh)) * si + (i % si)) * sj + (j % sj);
  };
  const accumulate = (target: Float64Array, at: number, value: number) => {
    target[at] = round(target[at]! + value);
  };
  let queryStart = 0;
  let keyStart = 0;
  lengths.forEach(([queryLength, keyLength], b) => {
    for (let h = 0; h < heads; h++) {
      const kv = Math.floor(h / (heads / kvHeads));
      for (let i = 0; i < queryLength; i++) {
        const q = ((queryStart + i) * heads + h) * keySize;
        const aligned = i + keyLength - queryLength;
        const scores = new Float64Array(keyLength).fill(Number.NEGATIVE_INFINITY);
        const bends = new Float64Array(keyLength).fill(1);
        for (let j = 0; j < keyLength; j++) {
          if (problem.causal && j > aligned) continue;
          if (j < aligned - left || j > aligned + right) continue;
          if (mask && mask.values[cellOf(mask, b, h, i, j)] === 0) continue;
          const k = ((keyStart + j) * kvHeads + kv) * keySize;
          let s = round(dot(queries, q, keys, k, keySize) * scale);
          if (softcap > 0) {
            const bent = round(Math.tanh(round(s / softcap)));
            s = round(softcap * bent);
            bends[j] = round(1 - round(bent * bent));
          }
          if (slopes) s = round(s - round(slopes[b * heads + h]! * Math.abs(aligned - j)));
          if (bias) s = round(s + bias.values[cellOf(bias, b, h, i, j)]!);
          scores[j] = s;
        }
        const sink = sinks?.[h] ?? Number.NEGATIVE_INFINITY;
        let maximum = sink;
        for (const s of scores) if (!(s <= maximum)) maximum = s;
        const shift = maximum === Number.NEGATIVE_INFINITY ? 0 : maximum;
        const weights = scores.map((s) => round(Math.exp(round(s - shift))));
        let sum = round(Math.exp(round(sink - shift)));
        for (const weight of weights) sum = round(sum + weight);
        const total = round(shift + round(Math.log(sum)));
        const row = queryStart * heads + h * queryLength + i;
        result.logSumExp[row] = total;
        const o = ((queryStart + i) * heads + h) * valueSize;
        if (sum === 0) continue;
        for (let j = 0; j < keyLength; j++) weights[j] = round(weights[j]! / sum);
        const keeps = weights.map((_, j) => round(problem.keep?.(b, h, i, j) ?? 1));
        for (let j = 0; j < keyLength; j++) {
          const v = ((keyStart + j) * kvHeads + kv) * valueSize;
          const weight = round(weights[j]! * keeps[j]!);
          if (scores[j] === Number.NEGATIVE_INFINITY) continue;
          addScaled(output, o, weight, values, v, valueSize);
        }
        if (gradients === undefined) continue;
        const aligning = dot(gradients.output, o, output, o, valueSize);
        const delta = round(aligning - gradients.logSumExp[row]!);
        for (let j = 0; j < keyLength; j++) {
          // The backward pass is defined by recomputation from the log-sum-exp.
          const weight = round(Math.exp(round(scores[j]! - total)));
          if (scores[j] === Number.NEGATIVE_INFINITY) continue;
          const v = ((keyStart + j) * kvHeads + kv) * valueSize;
          const k = ((keyStart + j) * kvHeads + kv) * keySize;
          const kept = round(weight * keeps[j]!);
          const weightGradient = dot(gradients.output, o, values, v, valueSize);
          addScaled(valueGradient, v, kept, gradients.output, o, valueSize);
          const scoreGradient = round(weight * round(round(weightGradient * keeps[j]!) - delta));
          if (bias) accumulate(result.biasGradient, cellOf(bias, b, h, i, j), scoreGradient);
          const product = round(round(scoreGradient * bends[j]!) * scale);
          addScaled(queryGradient, q, product, keys, k, keySize);
          addScaled(keyGradient, k, product, queries, q, keySize);
        }
        if (sinks) {
          const weight = round(Math.exp(round(sink - total)));
          accumulate(result.sinkGradient, h, -round(weight * delta));
        }
      }
    }
    queryStart += queryLength;
    keyStart += keyLength;
  });
  return result;
}
