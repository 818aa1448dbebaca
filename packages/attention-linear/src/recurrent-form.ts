import { add, concat, exp, matmul, mul, sub, type Tensor } from "@x/tensor";
import type { Operands, Stretch } from "./recurrence";

/**
 * Token by token: `S ← e^g S`, then `S ← S + k (β(v - Sᵀk))ᵀ` (or `S + k vᵀ` without β), then
 * `o = Sᵀq`. The definition that the other forms must equal, and the step of generation.
 */
export function recurrentForm(operands: Operands): Stretch {
  const { queries } = operands;
  const time = queries.dimension(2);
  let { state } = operands;
  const outputs: Tensor[] = [];
  for (let t = 0; t < time; t++) {
    const at = (tensor: Tensor) => tensor.slice(2, t, t + 1);
    const key = at(operands.keys); // [B, H, 1, K]
    const keyColumn = key.transpose(); // [B, H, K, 1]
    if (operands.logDecay !== undefined) {
      state = mul(exp(at(operands.logDecay).transpose()), state);
    }
    let value = at(operands.values); // [B, H, 1, V]
    if (operands.beta !== undefined) {
      value = mul(at(operands.beta), sub(value, matmul(key, state)));
    }
    state = add(state, matmul(keyColumn, value));
    outputs.push(matmul(at(queries), state));
  }
  return { output: concat(outputs, { axis: 2 }), state };
}
