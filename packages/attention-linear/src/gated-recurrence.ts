import { type Tensor, tidy, zeros } from "@x/tensor";
import { chunkedForm } from "./chunked-form";
import {
  assertChunkSize,
  assertOperandShapes,
  type Operands,
  type RecurrenceOptions,
  type RecurrenceResult,
} from "./recurrence";
import { recurrentForm } from "./recurrent-form";

/** Operands of {@link gatedRecurrence}, time before heads. */
export interface GatedOperands {
  readonly queries: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
  /** `[B, T, H]` or `[B, T, H, K]`. */
  readonly logDecay?: Tensor | undefined;
  /** `[B, T, H]`. */
  readonly beta?: Tensor | undefined;
}

/** The engine of the family: every member is a choice of decay and write rule. */
export function gatedRecurrence(
  name: string,
  { queries, keys, values, logDecay, beta }: GatedOperands,
  { form = "chunked", chunkSize = 64, initialState }: RecurrenceOptions,
): RecurrenceResult {
  assertOperandShapes(name, queries, keys, values);
  assertChunkSize(name, chunkSize);
  const [batch = 0, time = 0, heads = 0, size = 0] = queries.shape;
  return tidy(() => {
    const state =
      initialState ?? zeros([batch, heads, size, values.dimension(3)], { device: queries.device });
    if (time === 0) {
      return { output: values.permute([0, 1, 2, 3]), finalState: state.broadcastTo(state.shape) };
    }
    const operands: Operands = {
      queries: headsFirst(queries),
      keys: headsFirst(keys),
      values: headsFirst(values),
      logDecay: logDecay && headsFirst(logDecay.rank === 3 ? logDecay.expandDims(-1) : logDecay),
      beta: beta && headsFirst(beta.expandDims(-1)),
      state,
    };
    const stretch =
      form === "recurrent" || time === 1
        ? recurrentForm(operands)
        : chunkedForm(operands, form === "parallel" ? time : chunkSize);
    return { output: stretch.output.permute([0, 2, 1, 3]), finalState: stretch.state };
  });
}

/** `[B, T, H, ·]` as `[B, H, T, ·]`, without a copy. */
function headsFirst(tensor: Tensor): Tensor {
  return tensor.permute([0, 2, 1, 3]);
}
