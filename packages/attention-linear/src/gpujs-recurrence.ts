import type { Tensor } from "@x/tensor";
import { type GpujsContext, type KernelSource, partOf, sliceOf } from "@x/tensor/kernels";
import type {
  RecurrenceAttributes,
  RecurrenceInputs,
  RecurrenceOutputs,
} from "./recurrence-operation";

type DecayKind = "none" | "scalar" | "vector";

/** e^g of row i of head h. */
const decayText = {
  none: "1",
  scalar: "Math.exp(logDecay[h][0])",
  vector: "Math.exp(logDecay[h][i])",
} as const satisfies Record<DecayKind, string>;

/** What a token writes: cells `[H][V]`. */
function writeSource(kind: DecayKind): KernelSource {
  return {
    name: `linear-recurrence-write/${kind}`,
    source: `function (keys, values, logDecay, beta, state, keySize) {
      const j = this.thread.x;
      const h = this.thread.y;
      let held = 0;
      for (let i = 0; i < keySize; i++) {
        held += keys[h][i] * ${decayText[kind]} * state[h][i][j];
      }
      return beta[h] * (values[h][j] - held);
    }`,
    parameters: ["array", "array", "array", "array", "array", "integer"],
  };
}

/** The state after a token: cells `[H][K][V]`. */
function stateSource(kind: DecayKind): KernelSource {
  return {
    name: `linear-recurrence-state/${kind}`,
    source: `function (keys, written, logDecay, state) {
      const j = this.thread.x;
      const i = this.thread.y;
      const h = this.thread.z;
      return ${decayText[kind]} * state[h][i][j] + keys[h][i] * written[h][j];
    }`,
    parameters: ["array", "array", "array", "array"],
  };
}

/** What a token reads: cells `[H][V]`. */
const readSource: KernelSource = {
  name: "linear-recurrence-read",
  source: `function (queries, state, keySize) {
    const j = this.thread.x;
    const h = this.thread.y;
    let sum = 0;
    for (let i = 0; i < keySize; i++) { sum += queries[h][i] * state[h][i][j]; }
    return sum;
  }`,
  parameters: ["array", "array", "integer"],
};

const copySource: KernelSource = {
  name: "linear-recurrence-copy",
  source: "function (state) { return state[this.thread.z][this.thread.y][this.thread.x]; }",
  parameters: ["array"],
};

/** The recurrence in gpu.js, two or three launches a token: it runs on every device. */
export function defineRecurrence({
  inputs: [queries, keys, values, logDecay, beta, initial],
  outputs: [output, state],
  attributes: { starts },
  launch,
  temporary,
}: GpujsContext<RecurrenceAttributes, RecurrenceInputs, RecurrenceOutputs>): void {
  const [sequences = 0, heads = 0, keySize = 0, valueSize = 0] = state.shape;
  if (state.size === 0) return;
  const width = logDecay.size === 0 ? 0 : logDecay.dimension(2);
  const kind = width === 0 ? "none" : width === 1 ? "scalar" : "vector";
  const stateSize = heads * keySize * valueSize;
  const cells = [valueSize, keySize, heads];
  const stateOf = (tensor: Tensor, sequence: number) =>
    partOf(tensor, sequence * stateSize, stateSize);
  const tokenOf = (tensor: Tensor, t: number, size: number) => ({
    slice: partOf(tensor, t * heads * size, heads * size),
    sizes: [size, heads],
  });
  const scratch = [0, 1].map(() => sliceOf(temporary([heads, keySize, valueSize])));
  const written = temporary([heads, valueSize]);
  for (let sequence = 0; sequence < sequences; sequence++) {
    const [start = 0, end = 0] = starts.slice(sequence);
    const target = stateOf(state, sequence);
    let current = stateOf(initial, sequence);
    for (let t = start; t < end; t++) {
      const key = tokenOf(keys, t, keySize);
      const value = tokenOf(values, t, valueSize);
      // A kernel that does not read the gates is given anything.
      const gates = kind === "none" ? key : tokenOf(logDecay, t, width);
      const before = { slice: current, sizes: cells };
      let write = value;
      if (beta.size > 0) {
        write = { slice: sliceOf(written), sizes: [valueSize, heads] };
        const strength = { slice: partOf(beta, t * heads, heads), sizes: [heads] };
        const operands = [key, value, gates, strength, before, keySize];
        launch(writeSource(kind), operands, [valueSize, heads], write.slice);
      }
      const next = t === end - 1 ? target : (scratch[t % 2] ?? target);
      launch(stateSource(kind), [key, write, gates, before], cells, next);
      const query = tokenOf(queries, t, keySize);
      launch(
        readSource,
        [query, { slice: next, sizes: cells }, keySize],
        [valueSize, heads],
        tokenOf(output, t, valueSize).slice,
      );
      current = next;
    }
    if (start === end) launch(copySource, [{ slice: current, sizes: cells }], cells, target);
  }
}
