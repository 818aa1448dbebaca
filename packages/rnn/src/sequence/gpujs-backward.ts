import type { Tensor } from "@x/tensor";
import { asArgument, type GpujsContext, type KernelSource, sliceOf } from "@x/tensor/kernels";
import type { BackwardInputs, BackwardOutputs } from "./backward-operation";
import { stepPart, tanhText } from "./gpujs-text";
import { type SequenceAttributes, stepOrder } from "./sequence-attributes";

/** The value before a row's first step is the initial one. */
const previousRows: KernelSource = {
  name: "recurrent-previous",
  source: `function (before, initial, lengths, t, reverse) {
    const b = this.thread.y;
    let first = t;
    if (reverse > 0) { first = lengths[b] - 1 - t; }
    let r = before[b][this.thread.x];
    if (first < 1) { r = initial[b][this.thread.x]; }
    return r;
  }`,
  parameters: ["array", "array", "array", "integer", "integer"],
};

/** Of what enters i, f, g, o: cells `[4H, B]`. */
const lstmGates: KernelSource = {
  name: "lstm-gates-gradient",
  source: `function (gates, c, before, dy, dh, dc, lengths, t, size) {
    const b = this.thread.y;
    const x = this.thread.x;
    let r = 0;
    if (t < lengths[b]) {
      let j = x;
      if (x >= size) { j = x - size; }
      if (x >= 2 * size) { j = x - 2 * size; }
      if (x >= 3 * size) { j = x - 3 * size; }
      const cell = c[b][j];
      const squashed = ${tanhText("cell")};
      const dHidden = dy[b][j] + dh[b][j];
      const dCell = dc[b][j] + dHidden * gates[b][3 * size + j] * (1 - squashed * squashed);
      const gate = gates[b][x];
      r = dHidden * squashed * gate * (1 - gate);
      if (x < 3 * size) { r = dCell * gates[b][j] * (1 - gate * gate); }
      if (x < 2 * size) { r = dCell * before[b][j] * gate * (1 - gate); }
      if (x < size) { r = dCell * gates[b][2 * size + j] * gate * (1 - gate); }
    }
    return r;
  }`,
  parameters: ["array", "array", "array", "array", "array", "array", "array", "integer", "integer"],
};

const lstmCell: KernelSource = {
  name: "lstm-cell-gradient",
  source: `function (gates, c, dy, dh, dc, lengths, t, size) {
    const b = this.thread.y;
    const j = this.thread.x;
    let r = dc[b][j];
    if (t < lengths[b]) {
      const cell = c[b][j];
      const squashed = ${tanhText("cell")};
      const dHidden = dy[b][j] + dh[b][j];
      r = (r + dHidden * gates[b][3 * size + j] * (1 - squashed * squashed)) * gates[b][size + j];
    }
    return r;
  }`,
  parameters: ["array", "array", "array", "array", "array", "array", "integer", "integer"],
};

/** Of what enters r, z, n, by the input (`isInput`) or by the state: cells `[3H, B]`. */
function gruGates(isInput: boolean): KernelSource {
  return {
    name: `gru-gates-gradient/${isInput}`,
    source: `function (gates, before, dy, dh, lengths, t, size) {
      const b = this.thread.y;
      const x = this.thread.x;
      let r = 0;
      if (t < lengths[b]) {
        let j = x;
        if (x >= size) { j = x - size; }
        if (x >= 2 * size) { j = x - 2 * size; }
        const dHidden = dy[b][j] + dh[b][j];
        const reset = gates[b][j];
        const update = gates[b][size + j];
        const n = gates[b][2 * size + j];
        const dCandidate = dHidden * (1 - update) * (1 - n * n);
        r = dCandidate${isInput ? "" : " * reset"};
        if (x < 2 * size) { r = dHidden * (before[b][j] - n) * update * (1 - update); }
        if (x < size) { r = dCandidate * gates[b][3 * size + j] * reset * (1 - reset); }
      }
      return r;
    }`,
    parameters: ["array", "array", "array", "array", "array", "integer", "integer"],
  };
}

function simpleGate(isRelu: boolean): KernelSource {
  return {
    name: `rnn-gradient/${isRelu}`,
    source: `function (y, dy, dh, lengths, t) {
      const b = this.thread.y;
      const j = this.thread.x;
      let r = 0;
      if (t < lengths[b]) {
        r = dy[b][j] + dh[b][j];
        const value = y[b][j];
        ${isRelu ? "if (value <= 0) { r = 0; }" : "r = r * (1 - value * value);"}
      }
      return r;
    }`,
    parameters: ["array", "array", "array", "array", "integer"],
  };
}

/** The previous state's gradient through the product: cells `[H, B]`. */
const stateGradient: KernelSource = {
  name: "recurrent-state-gradient",
  source: `function (gradient, weight, dh, lengths, t, columns) {
    const b = this.thread.y;
    let sum = dh[b][this.thread.x];
    if (t < lengths[b]) {
      sum = 0;
      for (let k = 0; k < columns; k++) { sum += gradient[b][k] * weight[k][this.thread.x]; }
    }
    return sum;
  }`,
  parameters: ["array", "array", "array", "array", "integer", "integer"],
};

/** As `stateGradient`, with the GRU's way past the gates. */
const gruStateGradient: KernelSource = {
  name: "gru-state-gradient",
  source: `function (gradient, weight, gates, dy, dh, lengths, t, columns, size) {
    const b = this.thread.y;
    const j = this.thread.x;
    let sum = dh[b][j];
    if (t < lengths[b]) {
      sum = (dy[b][j] + dh[b][j]) * gates[b][size + j];
      for (let k = 0; k < columns; k++) { sum += gradient[b][k] * weight[k][j]; }
    }
    return sum;
  }`,
  parameters: [
    "array",
    "array",
    "array",
    "array",
    "array",
    "array",
    "integer",
    "integer",
    "integer",
  ],
};

const copyRows: KernelSource = {
  name: "recurrent-copy",
  source: "function (x) { return x[this.thread.y][this.thread.x]; }",
  parameters: ["array"],
};

/** The definition of the backward operation. */
export function defineBackward({
  inputs: [weight, y, h0, c0, saved, cells, dy, dhLast, dcLast, lengths],
  outputs: [dPre, dRecurrent, dh0, dc0],
  attributes: { kind, isReverse },
  launch,
  temporary,
}: GpujsContext<SequenceAttributes, BackwardInputs, BackwardOutputs>): void {
  const [steps, batch, size] = [y.dimension(0), y.dimension(1), y.dimension(2)];
  const columns = weight.dimension(0);
  if (batch === 0 || size === 0) return;
  const rows = (tensor: Tensor) => asArgument(tensor, [tensor.dimension(-1), batch]);
  const at = (tensor: Tensor, t: number) => ({
    slice: stepPart(tensor, t),
    sizes: [tensor.dimension(-1), batch],
  });
  const lengthOf = asArgument(lengths);
  const weightRows = asArgument(weight, [size, columns]);
  const state = [size, batch];
  const before = temporary([batch, size]);
  let [dh, nextDh] = [dhLast, temporary([batch, size])];
  let [dc, nextDc] = kind === "lstm" ? [dcLast, temporary([batch, size])] : [dhLast, dhLast];
  for (const t of stepOrder(steps, !isReverse)) {
    const neighbour = Math.min(Math.max(isReverse ? t + 1 : t - 1, 0), steps - 1);
    const setBefore = (values: Tensor, initial: Tensor) =>
      launch(
        previousRows,
        [at(values, neighbour), rows(initial), lengthOf, t, isReverse ? 1 : 0],
        state,
        sliceOf(before),
      );
    if (kind === "lstm") {
      setBefore(cells, c0);
      const common = [at(saved, t), at(cells, t)];
      const arrived = [at(dy, t), rows(dh), rows(dc), lengthOf, t, size];
      launch(lstmGates, [...common, rows(before), ...arrived], [columns, batch], stepPart(dPre, t));
      launch(lstmCell, [...common, ...arrived], state, sliceOf(nextDc));
      [dc, nextDc] = [nextDc, dc === dcLast ? temporary([batch, size]) : dc];
    } else if (kind === "gru") {
      setBefore(y, h0);
      const operands = [at(saved, t), rows(before), at(dy, t), rows(dh), lengthOf, t, size];
      launch(gruGates(true), operands, [columns, batch], stepPart(dPre, t));
      launch(gruGates(false), operands, [columns, batch], stepPart(dRecurrent, t));
    } else {
      const operands = [at(y, t), at(dy, t), rows(dh), lengthOf, t];
      launch(simpleGate(kind === "relu"), operands, [columns, batch], stepPart(dPre, t));
    }
    if (kind === "gru") {
      const gates = [at(dRecurrent, t), weightRows, at(saved, t), at(dy, t)];
      const rest = [rows(dh), lengthOf, t, columns, size];
      launch(gruStateGradient, [...gates, ...rest], state, sliceOf(nextDh));
    } else {
      const operands = [at(dPre, t), weightRows, rows(dh), lengthOf, t, columns];
      launch(stateGradient, operands, state, sliceOf(nextDh));
    }
    [dh, nextDh] = [nextDh, dh === dhLast ? temporary([batch, size]) : dh];
  }
  launch(copyRows, [rows(dh)], state, sliceOf(dh0));
  if (kind === "lstm") launch(copyRows, [rows(dc)], state, sliceOf(dc0));
}
