import { add, concat, exp, matmul, mul, sub, type Tensor } from "@x/tensor";
import type { Operands, Stretch } from "./recurrence";
import type { StretchForm } from "./stretches";

/**
 * Token by token in plain operations: `S ← e^g S`, then `S ← S + k (β(v - Sᵀk))ᵀ` (or `S + k vᵀ`
 * without β), then `o = Sᵀq`. The definition that the other forms must equal, and the way gradients
 * go through the fused step.
 */
export const recurrentForm: StretchForm = {
  run: (operands) => {
    const outputs: Tensor[] = [];
    const state = steps(operands, (t, current) => {
      outputs.push(matmul(operands.queries.slice(2, t, t + 1), current));
    });
    return { output: concat(outputs, { axis: 2 }), state } satisfies Stretch;
  },
  advance: (operands) => steps(operands, () => {}),
};

function steps(
  { keys, values, logDecay, beta, state: initial }: Operands,
  visit: (t: number, state: Tensor) => void,
): Tensor {
  let state = initial;
  for (let t = 0; t < keys.dimension(2); t++) {
    const at = (tensor: Tensor) => tensor.slice(2, t, t + 1);
    const key = at(keys); // [B, H, 1, K]
    if (logDecay !== undefined) state = mul(exp(at(logDecay).transpose()), state);
    let value = at(values); // [B, H, 1, V]
    if (beta !== undefined) value = mul(at(beta), sub(value, matmul(key, state)));
    state = add(state, matmul(key.transpose(), value));
    visit(t, state);
  }
  return state;
}
