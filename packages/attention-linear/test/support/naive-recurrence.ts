/** Operands in float64, `[B, T, H, ·]` row-major. */
export interface NaiveOperands {
  readonly sizes: { batch: number; time: number; heads: number; key: number; value: number };
  readonly queries: ArrayLike<number>;
  readonly keys: ArrayLike<number>;
  readonly values: ArrayLike<number>;
  /** `[B, T, H, K]`. */
  readonly logDecay?: ArrayLike<number>;
  /** `[B, T, H]`. */
  readonly beta?: ArrayLike<number>;
  /** `[B, H, K, V]`. */
  readonly initialState?: ArrayLike<number>;
}

/** The recurrence of the papers, element by element. */
export function naiveRecurrence(operands: NaiveOperands): {
  output: Float64Array;
  state: Float64Array;
} {
  const { batch, time, heads, key, value } = operands.sizes;
  const output = new Float64Array(batch * time * heads * value);
  const state = Float64Array.from(
    operands.initialState ?? new Float64Array(batch * heads * key * value),
  );
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++) {
      const s = state.subarray((b * heads + h) * key * value, (b * heads + h + 1) * key * value);
      for (let t = 0; t < time; t++) {
        const at = (b * time + t) * heads + h;
        for (let i = 0; i < key; i++) {
          const decay = Math.exp(operands.logDecay?.[at * key + i] ?? 0);
          for (let j = 0; j < value; j++) s[i * value + j]! *= decay;
        }
        const written = Array.from({ length: value }, (_, j) => {
          const v = operands.values[at * value + j]!;
          if (operands.beta === undefined) return v;
          let held = 0;
          for (let i = 0; i < key; i++) held += operands.keys[at * key + i]! * s[i * value + j]!;
          return operands.beta[at]! * (v - held);
        });
        for (let i = 0; i < key; i++)
          for (let j = 0; j < value; j++)
            s[i * value + j]! += operands.keys[at * key + i]! * written[j]!;
        for (let j = 0; j < value; j++) {
          let sum = 0;
          for (let i = 0; i < key; i++) sum += operands.queries[at * key + i]! * s[i * value + j]!;
          output[at * value + j] = sum;
        }
      }
    }
  return { output, state };
}
