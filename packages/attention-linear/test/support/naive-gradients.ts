import { type NaiveOperands, naiveStates } from "./naive-recurrence";

/** Gradients of the operands, by their names. */
export type NaiveGradients = {
  readonly [Name in Exclude<keyof NaiveOperands, "sizes">]-?: Float64Array;
};

/**
 * The recurrence backwards in float64, element by element, over stored states: what
 * `Σ output · outputGradient + Σ state · stateGradient` changes by. Checked against central differences
 * in `gradients.test.ts`.
 */
export function naiveGradients(
  operands: NaiveOperands,
  outputGradient: ArrayLike<number>,
  stateGradient: ArrayLike<number>,
): NaiveGradients {
  const { batch, time, heads, key, value } = operands.sizes;
  const tokens = batch * time * heads;
  const found = {
    queries: new Float64Array(tokens * key),
    keys: new Float64Array(tokens * key),
    values: new Float64Array(tokens * value),
    logDecay: new Float64Array(tokens * key),
    beta: new Float64Array(tokens),
    initialState: Float64Array.from(stateGradient),
  };
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++) {
      const states = naiveStates(operands, b, h);
      const at0 = (b * heads + h) * key * value;
      const d = found.initialState.subarray(at0, at0 + key * value);
      for (let t = time - 1; t >= 0; t--) {
        const at = (b * time + t) * heads + h;
        const [before, after] = [states[t]!, states[t + 1]!];
        const k = (i: number) => operands.keys[at * key + i]!;
        const decay = (i: number) => Math.exp(operands.logDecay?.[at * key + i] ?? 0);
        const beta = operands.beta?.[at];
        for (let i = 0; i < key; i++)
          for (let j = 0; j < value; j++) {
            const g = outputGradient[at * value + j]!;
            found.queries[at * key + i]! += after[i * value + j]! * g;
            d[i * value + j]! += operands.queries[at * key + i]! * g;
          }
        for (let j = 0; j < value; j++) {
          let dWritten = 0;
          let held = 0;
          for (let i = 0; i < key; i++) {
            dWritten += k(i) * d[i * value + j]!;
            held += k(i) * decay(i) * before[i * value + j]!;
          }
          const v = operands.values[at * value + j]!;
          const written = beta === undefined ? v : beta * (v - held);
          const dValue = beta === undefined ? dWritten : beta * dWritten;
          found.values[at * value + j] = dValue;
          if (beta !== undefined) found.beta[at]! += dWritten * (v - held);
          for (let i = 0; i < key; i++) {
            const cell = i * value + j;
            const decayed = decay(i) * before[cell]!;
            found.keys[at * key + i]! += d[cell]! * written;
            if (beta !== undefined) {
              found.keys[at * key + i]! -= decayed * dValue;
              d[cell]! -= k(i) * dValue;
            }
            found.logDecay[at * key + i]! += d[cell]! * decayed;
            d[cell]! *= decay(i);
          }
        }
      }
    }
  return found;
}
