/** B, T, H, K, V. */
export interface Sizes {
  readonly batch: number;
  readonly time: number;
  readonly heads: number;
  readonly key: number;
  readonly value: number;
}

/** Operands in float64, `[B, T, H, ·]` row-major. */
export interface NaiveOperands {
  readonly sizes: Sizes;
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

/** The recurrence of the papers, element by element: the T + 1 states of a head, from the initial one. */
export function naiveStates(operands: NaiveOperands, b: number, h: number): Float64Array[] {
  const { time, heads, key, value } = operands.sizes;
  const from = (b * heads + h) * key * value;
  const states = [
    Float64Array.from({ length: key * value }, (_, i) => operands.initialState?.[from + i] ?? 0),
  ];
  for (let t = 0; t < time; t++) {
    const at = (b * time + t) * heads + h;
    const s = Float64Array.from(states[t]!);
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
    states.push(s);
  }
  return states;
}

/** Outputs and last states. */
export function naiveRecurrence(operands: NaiveOperands): {
  output: Float64Array;
  state: Float64Array;
} {
  const { batch, time, heads, key, value } = operands.sizes;
  const output = new Float64Array(batch * time * heads * value);
  const state = new Float64Array(batch * heads * key * value);
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++) {
      const states = naiveStates(operands, b, h);
      state.set(states[time]!, (b * heads + h) * key * value);
      for (let t = 0; t < time; t++) {
        const at = (b * time + t) * heads + h;
        const s = states[t + 1]!;
        for (let i = 0; i < key; i++) {
          const q = operands.queries[at * key + i]!;
          for (let j = 0; j < value; j++) output[at * value + j]! += q * s[i * value + j]!;
        }
      }
    }
  return { output, state };
}
