import { type Tensor, tensor, where, zeros } from "@x/tensor";
import { RecurrentInputError } from "../errors";

/** State of a stack: hidden `[L·D, B, H]` (`P` with a projection), LSTM cell `[L·D, B, H]`. */
export interface RecurrentState {
  readonly hidden: Tensor;
  readonly cell?: Tensor | undefined;
}

/** An input in the layout that the layers work in. */
export interface ArrangedInput {
  /** `[T, B, I]`, 0 from each sequence's length on. */
  readonly input: Tensor;
  readonly isBatched: boolean;
  readonly lengths: readonly number[];
}

/**
 * Brings an input to `[T, B, I]` and checks the lengths. Runs in the caller's scope.
 *
 * @throws {RecurrentInputError}
 */
export function arrangeInput(
  name: string,
  given: Tensor,
  inputSize: number,
  batchFirst: boolean,
  lengths: readonly number[] | undefined,
): ArrangedInput {
  const layout = batchFirst ? "[B, T, I]" : "[T, B, I]";
  const fits = given.rank === 2 || given.rank === 3;
  if (!fits || given.dimension(-1) !== inputSize || given.dtype !== "float32") {
    throw new RecurrentInputError(
      `${name}: the input is ${given.dtype} [${given.shape.join(", ")}]; use float32 ${layout} or [T, I] with I = ${inputSize}`,
      { shape: given.shape, dtype: given.dtype, inputSize },
    );
  }
  const isBatched = given.rank === 3;
  let input = given.alias();
  if (!isBatched) input = given.expandDims(1);
  else if (batchFirst) input = given.transpose(0, 1);
  const [steps, batch] = [input.dimension(0), input.dimension(1)];
  const resolved = lengths ?? Array.from({ length: batch }, () => steps);
  if (resolved.length !== batch) {
    throw new RecurrentInputError(
      `${name}: ${resolved.length} lengths for ${batch} sequences; give one for each`,
      { lengths: resolved, batch },
    );
  }
  for (const [row, length] of resolved.entries()) {
    if (Number.isSafeInteger(length) && length >= 0 && length <= steps) continue;
    throw new RecurrentInputError(
      `${name}: length ${length} of sequence ${row} is not an integer from 0 to ${steps}; clip it or pad the input`,
      { row, length, steps },
    );
  }
  return { input: withoutPadding(input, resolved), isBatched, lengths: resolved };
}

/** 0 times what lies in the padding is not always 0: it may be infinite. */
function withoutPadding(input: Tensor, lengths: readonly number[]): Tensor {
  const { device } = input;
  const [steps, batch] = [input.dimension(0), input.dimension(1)];
  if (lengths.every((length) => length === steps)) return input;
  const isWithin = Array.from({ length: steps }, (_, t) =>
    lengths.map((length) => (t < length ? 1 : 0)),
  );
  const mask = tensor(isWithin.flat(), [steps, batch, 1], { device, dtype: "bool" });
  return where(mask, input, zeros([1], { device }));
}

/**
 * @param expected - Shape of the hidden state and of the cell (LSTM only), without the batch
 * dimension when the input has none.
 * @throws {RecurrentInputError} when `state` is of another layer.
 */
export function assertState(
  name: string,
  state: RecurrentState,
  expected: { readonly hidden: readonly number[]; readonly cell?: readonly number[] | undefined },
): void {
  const parts = { hidden: state.hidden, cell: state.cell };
  for (const part of ["hidden", "cell"] as const) {
    const [given, shape] = [parts[part]?.shape, expected[part]];
    const fits =
      given?.length === shape?.length && given?.every((size, at) => size === shape?.[at]);
    if (fits ?? given === shape) continue;
    throw new RecurrentInputError(
      `${name}: the state's ${part} is ${text(given)} but must be ${text(shape)}; use a state of this layer and batch`,
      { part, given, expected: shape },
    );
  }
}

function text(shape: readonly number[] | undefined): string {
  return shape === undefined ? "absent" : `[${shape.join(", ")}]`;
}
