import { type Device, type Tensor, tensor } from "@x/tensor";

/** Sequences of the adding problem. */
export interface AddingBatch {
  /** `[T, B, 2]`: a number from 0 to 1, and 1 at the two steps whose numbers are to be added. */
  readonly inputs: Tensor;
  /** `[B, 1]`. */
  readonly targets: Tensor;
}

/** Seeded numbers from 0 to below 1 (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The adding problem (Hochreiter and Schmidhuber 1997, experiment 4): one mark lies in the first
 * half, one in the second. Always answering 1 has an error of 1/6.
 */
export function addingBatch(
  random: () => number,
  steps: number,
  batch: number,
  device: Device,
): AddingBatch {
  const inputs = new Float32Array(steps * batch * 2);
  const targets = new Float32Array(batch);
  const half = Math.floor(steps / 2);
  for (let row = 0; row < batch; row++) {
    const marks = [Math.floor(random() * half), half + Math.floor(random() * (steps - half))];
    for (let t = 0; t < steps; t++) {
      const value = random();
      const at = (t * batch + row) * 2;
      inputs[at] = value;
      if (!marks.includes(t)) continue;
      inputs[at + 1] = 1;
      targets[row] = (targets[row] ?? 0) + value;
    }
  }
  return {
    inputs: tensor(inputs, [steps, batch, 2], { device }),
    targets: tensor(targets, [batch, 1], { device }),
  };
}
