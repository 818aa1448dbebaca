import {
  add,
  concat,
  contiguous,
  linear,
  matmul,
  ones,
  reshape,
  type Tensor,
  take,
  tensor,
  tidy,
  zeros,
} from "@x/tensor";
import { needsRecord, record, runOperation, SavedTensor } from "@x/tensor/kernels";
import { type CellKind, gateCount } from "../cell-kind";
import { backwardOperation } from "./backward-operation";
import { forwardOperation } from "./forward-operation";
import { cutSegments, type Segment } from "./segments";
import type { SequenceAttributes } from "./sequence-attributes";

/** Weights of one direction of a layer, in PyTorch's layout. */
export interface SequenceWeights {
  /** `[G·H, I]`. */
  readonly input: Tensor;
  /** `[G·H, H]`. */
  readonly recurrent: Tensor;
  /** `[G·H]`. */
  readonly inputBias?: Tensor | undefined;
  /** `[G·H]`. */
  readonly recurrentBias?: Tensor | undefined;
}

/** State of one direction of a layer: each `[B, H]`. */
export interface SequenceState {
  readonly hidden: Tensor;
  readonly cell?: Tensor | undefined;
}

/** How a sequence is run. */
export interface SequenceOptions extends SequenceAttributes {
  /** Steps of each row, host side. */
  readonly lengths: readonly number[];
  /**
   * Backward passes keep the state at every so many steps and compute the gates again from there.
   * Default: all gates are kept.
   */
  readonly recomputeEvery?: number | undefined;
}

/** Output `[T, B, H]` and last state of a sequence. */
export interface SequenceResult {
  readonly output: Tensor;
  readonly state: SequenceState;
}

type Operands = [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];

/**
 * A whole sequence in one direction, with a gradient of its own: the input's part of all gates as
 * one matrix product, then the fused steps.
 *
 * @param input - `[T, B, I]`.
 */
export function recurrentSequence(
  input: Tensor,
  weights: SequenceWeights,
  initial: SequenceState,
  options: SequenceOptions,
): SequenceResult {
  return tidy(() => {
    const none = zeros([0], { device: input.device });
    const operands: Operands = [
      input,
      weights.input,
      weights.recurrent,
      weights.inputBias ?? none,
      weights.recurrentBias ?? none,
      initial.hidden,
      initial.cell ?? none,
    ];
    const isRecorded = needsRecord(operands);
    const pass = runForward(operands.map((one) => one.detach()) as Operands, options, isRecorded);
    const { output, hidden, cell } = pass;
    if (isRecorded) {
      const saved = [...operands, ...pass.kept].map((one) => new SavedTensor(one));
      record({
        operation: `recurrent-${options.kind}`,
        inputs: operands,
        outputs: [output, hidden, cell],
        saved,
        compute: (gradients, needs) => {
          const restored = saved.map((one) => one.restore("recurrent layer"));
          const inputs = restored.slice(0, operands.length) as Operands;
          return runBackward(inputs, restored.slice(operands.length), gradients, needs, options);
        },
      });
    }
    return { output, state: options.kind === "lstm" ? { hidden, cell } : { hidden } };
  });
}

interface ForwardPass {
  readonly output: Tensor;
  readonly hidden: Tensor;
  readonly cell: Tensor;
  /** Output, gates and cells of a single segment; else the states at the starts of segments. */
  readonly kept: readonly Tensor[];
}

function runForward(
  operands: Operands,
  options: SequenceOptions,
  isRecorded: boolean,
): ForwardPass {
  const segments = isRecorded ? cutSegments(operands[0].dimension(0), options) : [];
  if (segments.length <= 1) {
    const [output, hidden, cell, gates, cells] = runSegment(operands, options, isRecorded);
    return { output, hidden, cell, kept: [output, gates, cells] };
  }
  const outputs: Tensor[] = [];
  const kept: Tensor[] = [];
  let [hidden, cell] = [operands[5], operands[6]];
  for (const segment of segments) {
    kept.push(hidden, cell);
    const part = segmentOperands(operands, segment, hidden, cell);
    const [output, nextHidden, nextCell] = tidy(() =>
      runSegment(part, { ...options, lengths: segment.lengths }, false),
    );
    outputs[segment.place] = output;
    [hidden, cell] = [nextHidden, nextCell];
  }
  return { output: concat(outputs), hidden, cell, kept };
}

function segmentOperands(
  [input, ...rest]: Operands,
  { start, end }: Segment,
  hidden: Tensor,
  cell: Tensor,
): Operands {
  return [input.slice(0, start, end), rest[0], rest[1], rest[2], rest[3], hidden, cell];
}

function runSegment(
  [input, inputWeight, weight, inputBias, recurrentBias, hidden, cell]: Operands,
  { kind, isReverse, lengths }: SequenceOptions,
  keeps: boolean,
): [Tensor, Tensor, Tensor, Tensor, Tensor] {
  return tidy(() => {
    const pre = inputProduct(input, inputWeight); // [T, B, G·H]
    const bias = gateBias(kind, weight, inputBias, recurrentBias);
    const steps = lengthTensor(lengths, input);
    return runOperation(forwardOperation, [pre, weight, bias, hidden, cell, steps], {
      kind,
      isReverse,
      keeps,
    });
  });
}

/** Rows from which tiles of a product are faster than inner products, a copy of the weight included. */
const tiledRows = 1024;

/** `[T, B, I]` times `[G·H, I]`, transposed. */
function inputProduct(input: Tensor, weight: Tensor): Tensor {
  const [steps, batch, size] = [input.dimension(0), input.dimension(1), input.dimension(2)];
  const rows = steps * batch;
  if (rows < tiledRows) return linear(input, weight);
  const product = matmul(reshape(input, [rows, size]), contiguous(weight.transpose()));
  return reshape(product, [steps, batch, weight.dimension(0)]);
}

/** Both biases as the steps add them: see `ForwardInputs`. */
function gateBias(
  kind: CellKind,
  weight: Tensor,
  inputBias: Tensor,
  recurrentBias: Tensor,
): Tensor {
  const { device } = weight;
  const [columns, size] = [weight.dimension(0), weight.dimension(1)];
  const [input, recurrent] = [inputBias, recurrentBias].map((bias) =>
    bias.size === 0 ? zeros([columns], { device }) : bias,
  ) as [Tensor, Tensor];
  const both = add(input, recurrent);
  if (kind !== "gru") return both;
  const candidate = (bias: Tensor) => bias.slice(0, 2 * size, columns);
  return concat([both.slice(0, 0, 2 * size), candidate(recurrent), candidate(input)]);
}

function lengthTensor(lengths: readonly number[], { device }: Tensor): Tensor {
  return tensor([...lengths], [lengths.length], { device, dtype: "int32" });
}

/** Gradients of the operands, in their order. */
function runBackward(
  operands: Operands,
  kept: readonly Tensor[],
  [dOutput, dHidden, dCell]: readonly (Tensor | undefined)[],
  needs: readonly boolean[],
  options: SequenceOptions,
): (Tensor | undefined)[] {
  const [input, , , , , hidden, cell] = operands;
  const { device } = input;
  const [steps, batch] = [input.dimension(0), input.dimension(1)];
  const dy = dOutput ?? zeros([steps, batch, hidden.dimension(1)], { device });
  const segments = cutSegments(steps, options);
  let dh = dHidden ?? zeros(hidden.shape, { device });
  let dc = dCell ?? zeros(cell.shape, { device });
  const [output, gates, cells] = kept;
  if (segments.length <= 1 && output && gates && cells) {
    const part = differentiate(operands, [output, gates, cells], [dy, dh, dc], needs, options);
    return [part.input, ...part.weights, part.hidden, cell.size === 0 ? undefined : part.cell];
  }
  const inputParts: Tensor[] = [];
  let weights: readonly (Tensor | undefined)[] = [];
  for (const [index, segment] of [...segments.entries()].reverse()) {
    const part = tidy(() => {
      const [h, c] = [kept[2 * index] ?? hidden, kept[2 * index + 1] ?? cell];
      const own = segmentOperands(operands, segment, h, c);
      const settings = { ...options, lengths: segment.lengths };
      const [y, , , g, cs] = runSegment(own, settings, true);
      const arrived = dy.slice(0, segment.start, segment.end);
      const found = differentiate(own, [y, g, cs], [arrived, dh, dc], needs, settings);
      return { ...found, weights: found.weights.map((one, at) => sumOf(one, weights[at])) };
    });
    if (part.input) inputParts[segment.place] = part.input;
    weights = part.weights;
    [dh, dc] = [part.hidden, part.cell];
  }
  const dInput = needs[0] ? concat(inputParts) : undefined;
  return [dInput, ...weights, dh, cell.size === 0 ? undefined : dc];
}

function sumOf(one: Tensor | undefined, other: Tensor | undefined): Tensor | undefined {
  return one && other ? add(one, other) : one;
}

interface SegmentGradients {
  readonly input: Tensor | undefined;
  /** Of the two weights and the two biases. */
  readonly weights: readonly (Tensor | undefined)[];
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

function differentiate(
  [input, inputWeight, weight, inputBias, recurrentBias, hidden, cell]: Operands,
  [output, gates, cells]: readonly [Tensor, Tensor, Tensor],
  [dy, dh, dc]: readonly [Tensor, Tensor, Tensor],
  needs: readonly boolean[],
  { kind, isReverse, lengths }: SequenceOptions,
): SegmentGradients {
  return tidy(() => {
    const [dPre, dBracket, dHidden, dCell] = runOperation(
      backwardOperation,
      [weight, output, hidden, cell, gates, cells, dy, dh, dc, lengthTensor(lengths, input)],
      { kind, isReverse },
    );
    const dRecurrent = kind === "gru" ? dBracket : dPre;
    const rows = input.dimension(0) * input.dimension(1);
    const flat = (one: Tensor) => reshape(one, [rows, one.dimension(2)]);
    const columns = gateCount(kind) * weight.dimension(1);
    const sumRows = (one: Tensor) =>
      reshape(matmul(ones([1, rows], { device: one.device }), flat(one)), [columns]);
    const previous = () => previousOutputs(output, hidden, lengths, isReverse);
    return {
      input: needs[0] ? matmul(dPre, inputWeight) : undefined,
      weights: [
        needs[1] ? matmul(flat(dPre).transpose(), flat(input)) : undefined,
        needs[2] ? matmul(flat(dRecurrent).transpose(), previous()) : undefined,
        needs[3] && inputBias.size > 0 ? sumRows(dPre) : undefined,
        needs[4] && recurrentBias.size > 0 ? sumRows(dRecurrent) : undefined,
      ],
      hidden: dHidden,
      cell: dCell,
    };
  });
}

/** The hidden state before each step, `[T·B, H]`; rows that have ended hold anything finite. */
function previousOutputs(
  output: Tensor,
  initial: Tensor,
  lengths: readonly number[],
  isReverse: boolean,
): Tensor {
  const [steps, batch, size] = [output.dimension(0), output.dimension(1), output.dimension(2)];
  const indices = new Int32Array(steps * batch);
  for (let t = 0; t < steps; t++) {
    for (let row = 0; row < batch; row++) {
      const before = isReverse ? t + 1 : t - 1;
      const isFirst = isReverse ? before >= (lengths[row] ?? 0) : t === 0;
      indices[t * batch + row] = isFirst ? steps * batch + row : before * batch + row;
    }
  }
  const table = concat([reshape(output, [steps * batch, size]), initial]);
  return take(table, tensor(indices, [indices.length], { device: output.device, dtype: "int32" }));
}
