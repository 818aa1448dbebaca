import { add, type Device, mul, sum, type Tensor, tensor, tidy, valueAndGrad } from "@x/tensor";
import { gatedRecurrence } from "../../src/gated-recurrence";
import type { RecurrenceForm } from "../../src/index";
import { type Member, toTensors } from "./members";
import type { NaiveOperands } from "./naive-recurrence";

/** Weights of the outputs and the last state in the loss. */
export interface LossWeights {
  readonly output: ArrayLike<number>;
  readonly state: ArrayLike<number>;
}

/** Output, last state, and the gradient of every operand, as numbers. */
export function runGradients(
  device: Device,
  member: Member,
  operands: NaiveOperands,
  weights: LossWeights,
  form: RecurrenceForm,
  chunkSize = 64,
): { output: ArrayLike<number>; state: ArrayLike<number>; gradients: Record<string, number[]> } {
  const { batch, time, heads, key, value } = operands.sizes;
  return tidy(() => {
    const { logDecay, beta, ...rest } = toTensors(operands, member, device);
    const parameters = { ...rest, ...(logDecay && { logDecay }), ...(beta && { beta }) };
    const r = tensor(weights.output, [batch, time, heads, value], { device });
    const s = tensor(weights.state, [batch, heads, key, value], { device });
    const numbers: { output: ArrayLike<number>; state: ArrayLike<number> } = {
      output: [],
      state: [],
    };
    const { gradients } = valueAndGrad((tensors: Record<string, Tensor>) => {
      const { queries, keys, values, initialState } = tensors as typeof parameters;
      const own = { queries, keys, values, logDecay: tensors.logDecay, beta: tensors.beta };
      const options = { form, chunkSize, initialState };
      const { output, finalState } = gatedRecurrence("test", own, options);
      numbers.output = output.dataSync();
      numbers.state = finalState.dataSync();
      return add(sum(mul(output, r)), sum(mul(finalState, s)));
    })(parameters);
    const found = Object.entries(gradients as Record<string, Tensor>).map(([name, gradient]) => [
      name,
      Array.from(gradient.dataSync()),
    ]);
    return { ...numbers, gradients: Object.fromEntries(found) };
  });
}
