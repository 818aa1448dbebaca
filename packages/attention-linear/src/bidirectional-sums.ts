import { add, concat, matmul, type Tensor, tidy } from "@x/tensor";
import { assertRecurrence } from "./checks";
import { type GatedOperands, withoutPadding } from "./gated-recurrence";
import type { RecurrenceOptions, RecurrenceResult } from "./recurrence";

/** Every token sees all of its sequence, those of the initial state included: `o = Sᵀq`, `S = Σ k vᵀ`. */
export function bidirectionalSums(
  name: string,
  operands: GatedOperands,
  options: RecurrenceOptions,
): RecurrenceResult {
  assertRecurrence(name, operands, options);
  const { initialState, cuSeqlens, mask } = options;
  return tidy(() => {
    const present = mask === undefined ? operands : withoutPadding(operands, mask);
    const [queries, keys, values] = [present.queries, present.keys, present.values].map((one) =>
      one.permute([0, 2, 1, 3]),
    ) as [Tensor, Tensor, Tensor]; // [B, H, T, ·]
    const time = queries.dimension(2);
    const starts = cuSeqlens === undefined ? [0, time] : Array.from(cuSeqlens);
    const stretches = starts.slice(0, -1).map((start, index) => {
      const cut = (tensor: Tensor) => tensor.slice(2, start, starts[index + 1] ?? time);
      const sums = matmul(cut(keys).transpose(), cut(values)); // [B, H, K, V]
      const before =
        cuSeqlens === undefined ? initialState : initialState?.slice(0, index, index + 1);
      const state = before === undefined ? sums : add(sums, before);
      return { output: matmul(cut(queries), state), state };
    });
    const joined = (parts: Tensor[], axis: number) =>
      parts.length === 1 && parts[0] !== undefined ? parts[0] : concat(parts, { axis });
    return {
      output: joined(
        stretches.map(({ output }) => output),
        2,
      ).permute([0, 2, 1, 3]),
      finalState: joined(
        stretches.map(({ state }) => state),
        0,
      ),
    };
  });
}
