import { concat, type Device, notEqual, reshape, type Tensor, tidy, where, zeros } from "@x/tensor";
import { runOperation } from "@x/tensor/kernels";
import { assertRecurrence } from "./checks";
import { chunkedForm } from "./chunked-form";
import type {
  Operands,
  RecurrenceForm,
  RecurrenceOptions,
  RecurrenceResult,
  Stretch,
} from "./recurrence";
import { forwardOperation } from "./recurrent/forward-operation";
import { runStretches } from "./stretches";

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
  operands: GatedOperands,
  options: RecurrenceOptions,
): RecurrenceResult {
  assertRecurrence(name, operands, options);
  const { device } = operands.queries;
  const { form = defaultForm(device), chunkSize = 64, initialState, mask } = options;
  return tidy(() => {
    const [batch = 0, time = 0, heads = 0, keySize = 0] = operands.queries.shape;
    const starts = startsOf(options.cuSeqlens, batch, time);
    const shape = [starts.length - 1, heads, keySize, operands.values.dimension(3)];
    const state = initialState ?? zeros(shape, { device });
    const present = mask === undefined ? operands : withoutPadding(operands, mask);
    if (form === "recurrent" || hasSingleTokens(starts)) return stepwise(present, state, starts);
    const run = (one: Operands) =>
      runStretches(
        one,
        form === "parallel" ? Math.max(1, one.queries.dimension(2)) : chunkSize,
        chunkedForm,
      );
    const whole = headsFirst(present, state);
    const stretch = options.cuSeqlens === undefined ? run(whole) : runPacked(whole, starts, run);
    return { output: stretch.output.permute([0, 2, 1, 3]), finalState: stretch.state };
  });
}

/** A kernel goes from token to token faster than matrix products go through chunks. */
function defaultForm(device: Device): RecurrenceForm {
  const kernel = device.implementationOf(forwardOperation.name, forwardOperation.kernels);
  return kernel === undefined ? "chunked" : "recurrent";
}

/** First tokens of the sequences among all B · T, and the end of the last. */
function startsOf(
  cuSeqlens: ArrayLike<number> | undefined,
  batch: number,
  time: number,
): readonly number[] {
  if (cuSeqlens !== undefined) return Array.from(cuSeqlens);
  return Array.from({ length: batch + 1 }, (_, row) => row * time);
}

function hasSingleTokens(starts: readonly number[]): boolean {
  return starts.every((start, index) => index === 0 || start - (starts[index - 1] ?? 0) <= 1);
}

/** Padding writes nothing and lets nothing decay, whatever it holds. */
export function withoutPadding(operands: GatedOperands, mask: Tensor): GatedOperands {
  const isToken = notEqual(mask, 0).expandDims(-1); // [B, T, 1]
  const kept = (tensor: Tensor) =>
    where(tensor.rank === 4 ? isToken.expandDims(-1) : isToken, tensor, 0);
  return {
    queries: operands.queries,
    keys: kept(operands.keys),
    values: kept(operands.values),
    logDecay: operands.logDecay && kept(operands.logDecay),
    beta: operands.beta && kept(operands.beta),
  };
}

/** All sequences token by token, in one kernel where the device has one. */
function stepwise(
  { queries, keys, values, logDecay, beta }: GatedOperands,
  state: Tensor,
  starts: readonly number[],
): RecurrenceResult {
  const [batch = 0, time = 0, heads = 0] = queries.shape;
  const tokens = batch * time;
  const flat = (tensor: Tensor) => reshape(tensor, [tokens, heads, tensor.dimension(3)]);
  const none = () => zeros([0], { device: queries.device });
  const [output, finalState] = runOperation(
    forwardOperation,
    [
      flat(queries),
      flat(keys),
      flat(values),
      logDecay === undefined ? none() : flat(withElements(logDecay)),
      beta === undefined ? none() : reshape(beta, [tokens, heads]),
      state,
    ],
    { starts },
  );
  return { output: reshape(output, values.shape), finalState };
}

/** Each sequence by itself. */
function runPacked(
  operands: Operands,
  starts: readonly number[],
  run: (operands: Operands) => Stretch,
): Stretch {
  const stretches = starts.slice(0, -1).map((start, index) => {
    const cut = (tensor: Tensor) => tensor.slice(2, start, starts[index + 1] ?? start);
    const { queries, keys, values, logDecay, beta, state } = operands;
    return run({
      queries: cut(queries),
      keys: cut(keys),
      values: cut(values),
      logDecay: logDecay && cut(logDecay),
      beta: beta && cut(beta),
      state: state.slice(0, index, index + 1),
    });
  });
  if (stretches.length === 0) return { output: operands.values, state: operands.state };
  return {
    output: concat(
      stretches.map(({ output }) => output),
      { axis: 2 },
    ),
    state: concat(stretches.map(({ state }) => state)),
  };
}

/** A gate of the head as `[B, T, H, 1]`. */
function withElements(logDecay: Tensor): Tensor {
  return logDecay.rank === 3 ? logDecay.expandDims(-1) : logDecay;
}

function headsFirst(
  { queries, keys, values, logDecay, beta }: GatedOperands,
  state: Tensor,
): Operands {
  const permuted = (tensor: Tensor) => tensor.permute([0, 2, 1, 3]); // [B, H, T, ·]
  return {
    queries: permuted(queries),
    keys: permuted(keys),
    values: permuted(values),
    logDecay: logDecay && permuted(withElements(logDecay)),
    beta: beta && permuted(beta.expandDims(-1)),
    state,
  };
}
