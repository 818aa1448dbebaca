import type { Tensor } from "@x/tensor";
import {
  asArgument,
  type GpujsContext,
  type KernelSource,
  partOf,
  sliceOf,
} from "@x/tensor/kernels";
import { gateCount } from "../cell-kind";
import type { ForwardAttributes } from "./forward-operation";
import { sigmoidText, stepPart, tanhText } from "./gpujs-text";
import { stepOrder } from "./sequence-attributes";

/** What the state and the bias add to the gates: cells `[G·H, B]`. */
const stateProduct: KernelSource = {
  name: "recurrent-product",
  source: `function (h, weight, bias, size) {
    let sum = bias[this.thread.x];
    for (let k = 0; k < size; k++) {
      sum += h[this.thread.y][k] * weight[this.thread.x][k];
    }
    return sum;
  }`,
  parameters: ["array", "array", "array", "integer"],
};

/** i, f, g, o of the LSTM: cells `[4H, B]`. */
const lstmGates: KernelSource = {
  name: "lstm-gates",
  source: `function (pre, product, size) {
    const x = pre[this.thread.y][this.thread.x] + product[this.thread.y][this.thread.x];
    let r = ${sigmoidText("x")};
    if (this.thread.x >= 2 * size) {
      if (this.thread.x < 3 * size) { r = ${tanhText("x")}; }
    }
    return r;
  }`,
  parameters: ["array", "array", "integer"],
};

const lstmCell: KernelSource = {
  name: "lstm-cell",
  source: `function (gates, c, lengths, t, size) {
    const b = this.thread.y;
    const j = this.thread.x;
    let r = c[b][j];
    if (t < lengths[b]) { r = gates[b][size + j] * r + gates[b][j] * gates[b][2 * size + j]; }
    return r;
  }`,
  parameters: ["array", "array", "array", "integer", "integer"],
};

const lstmHidden: KernelSource = {
  name: "lstm-hidden",
  source: `function (gates, c, h, lengths, t, size) {
    const b = this.thread.y;
    const j = this.thread.x;
    const x = c[b][j];
    let r = h[b][j];
    if (t < lengths[b]) { r = gates[b][3 * size + j] * (${tanhText("x")}); }
    return r;
  }`,
  parameters: ["array", "array", "array", "array", "integer", "integer"],
};

/** r, z, n and the bracket that r scales, of the GRU: cells `[4H, B]`. */
const gruGates: KernelSource = {
  name: "gru-gates",
  source: `function (pre, product, bias, size) {
    const b = this.thread.y;
    const x = this.thread.x;
    let r = 0;
    if (x < 2 * size) {
      const gate = pre[b][x] + product[b][x];
      r = ${sigmoidText("gate")};
    } else {
      let j = x - 2 * size;
      if (x >= 3 * size) { j = x - 3 * size; }
      const inner = product[b][2 * size + j];
      r = inner;
      if (x < 3 * size) {
        const gate = pre[b][j] + product[b][j];
        const outer = pre[b][2 * size + j] + bias[3 * size + j];
        const sum = outer + (${sigmoidText("gate")}) * inner;
        r = ${tanhText("sum")};
      }
    }
    return r;
  }`,
  parameters: ["array", "array", "array", "integer"],
};

const gruHidden: KernelSource = {
  name: "gru-hidden",
  source: `function (gates, h, lengths, t, size) {
    const b = this.thread.y;
    const j = this.thread.x;
    let r = h[b][j];
    if (t < lengths[b]) {
      const n = gates[b][2 * size + j];
      r = n + gates[b][size + j] * (r - n);
    }
    return r;
  }`,
  parameters: ["array", "array", "array", "integer", "integer"],
};

function simpleHidden(isRelu: boolean): KernelSource {
  return {
    name: `rnn-hidden/${isRelu}`,
    source: `function (pre, product, h, lengths, t) {
      const b = this.thread.y;
      const x = pre[b][this.thread.x] + product[b][this.thread.x];
      let r = h[b][this.thread.x];
      if (t < lengths[b]) { r = ${isRelu ? "Math.max(x, 0)" : tanhText("x")}; }
      return r;
    }`,
    parameters: ["array", "array", "array", "array", "integer"],
  };
}

/** The state, or 0 where the row has ended. */
const maskedOutput: KernelSource = {
  name: "recurrent-output",
  source: `function (h, lengths, t) {
    let r = 0;
    if (t < lengths[this.thread.y]) { r = h[this.thread.y][this.thread.x]; }
    return r;
  }`,
  parameters: ["array", "array", "integer"],
};

const copyRows: KernelSource = {
  name: "recurrent-copy",
  source: "function (x) { return x[this.thread.y][this.thread.x]; }",
  parameters: ["array"],
};

/** The definition of the forward operation: step by step, a launch for each quantity. */
export function defineForward({
  inputs: [pre, weight, bias, h0, c0, lengths],
  outputs: [y, hLast, cLast, saved, cells],
  attributes: { kind, isReverse, keeps },
  launch,
  temporary,
}: GpujsContext<
  ForwardAttributes,
  [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor],
  [Tensor, Tensor, Tensor, Tensor, Tensor]
>): void {
  const [steps, batch, columns] = [pre.dimension(0), pre.dimension(1), pre.dimension(2)];
  const size = columns / gateCount(kind);
  if (batch === 0 || size === 0) return;
  const rows = (tensor: Tensor) => asArgument(tensor, [tensor.dimension(-1), batch]);
  const lengthOf = asArgument(lengths);
  const product = temporary([batch, columns]);
  const gates = kind === "tanh" || kind === "relu" ? undefined : temporary([batch, 4 * size]);
  let [h, nextH] = [h0, temporary([batch, size])];
  let [c, nextC] = kind === "lstm" ? [c0, temporary([batch, size])] : [h0, h0];
  const cellsOf = [size, batch];
  for (const t of stepOrder(steps, isReverse)) {
    const inputPart = {
      slice: partOf(pre, t * batch * columns, batch * columns),
      sizes: [columns, batch],
    };
    launch(
      stateProduct,
      [rows(h), asArgument(weight, [size, columns]), asArgument(bias), size],
      [columns, batch],
      sliceOf(product),
    );
    if (kind === "lstm" && gates !== undefined) {
      launch(lstmGates, [inputPart, rows(product), size], [4 * size, batch], sliceOf(gates));
      launch(lstmCell, [rows(gates), rows(c), lengthOf, t, size], cellsOf, sliceOf(nextC));
      launch(
        lstmHidden,
        [rows(gates), rows(nextC), rows(h), lengthOf, t, size],
        cellsOf,
        sliceOf(nextH),
      );
      if (keeps) launch(copyRows, [rows(nextC)], cellsOf, stepPart(cells, t));
      [c, nextC] = [nextC, c === c0 ? temporary([batch, size]) : c];
    } else if (kind === "gru" && gates !== undefined) {
      launch(
        gruGates,
        [inputPart, rows(product), asArgument(bias), size],
        [4 * size, batch],
        sliceOf(gates),
      );
      launch(gruHidden, [rows(gates), rows(h), lengthOf, t, size], cellsOf, sliceOf(nextH));
    } else {
      launch(
        simpleHidden(kind === "relu"),
        [inputPart, rows(product), rows(h), lengthOf, t],
        cellsOf,
        sliceOf(nextH),
      );
    }
    if (keeps && gates !== undefined) {
      launch(copyRows, [rows(gates)], [4 * size, batch], stepPart(saved, t));
    }
    launch(maskedOutput, [rows(nextH), lengthOf, t], cellsOf, stepPart(y, t));
    [h, nextH] = [nextH, h === h0 ? temporary([batch, size]) : h];
  }
  launch(copyRows, [rows(h)], cellsOf, sliceOf(hLast));
  if (kind === "lstm") launch(copyRows, [rows(c)], cellsOf, sliceOf(cLast));
}
