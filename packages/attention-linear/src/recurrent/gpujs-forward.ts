import type { GpujsContext, KernelSource } from "@x/tensor/kernels";
import { partOf, sliceOf } from "@x/tensor/kernels";
import type { ForwardInputs, ForwardOutputs, RecurrenceAttributes } from "./forward-operation";
import { TokenSteps } from "./gpujs-steps";

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

/** The recurrence in gpu.js, two or three launches a token: it runs on every device. */
export function defineForward(
  context: GpujsContext<RecurrenceAttributes, ForwardInputs, ForwardOutputs>,
): void {
  const { inputs, outputs, attributes, launch, temporary } = context;
  const [queries, , , , , initial] = inputs;
  const [output, state] = outputs;
  const { starts } = attributes;
  const [sequences = 0, heads = 0, keySize = 0, valueSize = 0] = state.shape;
  if (state.size === 0) return;
  const steps = new TokenSteps(context, inputs);
  const stateSize = heads * keySize * valueSize;
  const scratch = [0, 1].map(() => sliceOf(temporary([heads, keySize, valueSize])));
  for (let sequence = 0; sequence < sequences; sequence++) {
    const [start = 0, end = 0] = starts.slice(sequence);
    const target = partOf(state, sequence * stateSize, stateSize);
    let current = partOf(initial, sequence * stateSize, stateSize);
    for (let t = start; t < end; t++) {
      const next = t === end - 1 ? target : (scratch[t % 2] ?? target);
      steps.advance(t, current, next);
      const after = { slice: next, sizes: [valueSize, keySize, heads] };
      const read = partOf(output, t * heads * valueSize, heads * valueSize);
      const query = steps.rows(queries, t, keySize);
      launch(readSource, [query, after, keySize], [valueSize, heads], read);
      current = next;
    }
    if (start === end) steps.copyState(current, target);
  }
}
