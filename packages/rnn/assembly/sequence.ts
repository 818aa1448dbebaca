import {
  gruBackward,
  gruForward,
  lstmBackward,
  lstmForward,
  simpleBackward,
  simpleForward,
} from "./cells";
import { pack, packedBytes, panelColumns, widePanelColumns } from "./panels";
import { multiply } from "./product";
import { multiplyPackedRow, multiplyRows } from "./row-product";

/**
 * A recurrent layer over whole sequences. The input's part of the gates was computed before, as one
 * product; here the recurrent part is added and the gates are applied, step by step, with the
 * recurrent weight packed once and the state in cache.
 *
 * A row takes part in step t while t is below its length; else its state stays and its output is 0.
 * Backwards in time, a row starts at its own last step.
 */
namespace Kind {
  export const Tanh: i32 = 0;
  export const Relu: i32 = 1;
  export const Lstm: i32 = 2;
  export const Gru: i32 = 3;
}

@inline
function gateCount(kind: i32): i32 {
  return kind == Kind.Lstm ? 4 : kind == Kind.Gru ? 3 : 1;
}

@inline
function lengthOf(lengths: usize, row: i32): i32 {
  return i32.load(lengths + ((<usize>row) << 2));
}

/** Rows of states from which packing the recurrent weight pays. */
const packThreshold: i32 = 32;

const widePanelBytes: usize = <usize>widePanelColumns * 4;

export function forwardScratchBytes(kind: i32, batch: i32, size: i32): usize {
  const columns = gateCount(kind) * size;
  return packedBytes(size, columns) + widePanelBytes + ((<usize>batch * columns) << 2);
}

/**
 * @param pre `[T, B, G·H]`, gates before the state's part and the biases.
 * @param weight `[G·H, H]`.
 * @param bias `[G·H]`; after it `[H]` of the GRU's n outside of the bracket.
 * @param y `[T, B, H]`.
 * @param h `[B, H]`, first the initial state, at the end the last one; `c` likewise (LSTM).
 * @param saved `[T, B, 4·H]` for gates, `cells` `[T, B, H]` (LSTM); 0 where nothing is kept.
 */
export function recurrentForward(
  kind: i32,
  steps: i32,
  batch: i32,
  size: i32,
  isReverse: bool,
  lengths: usize,
  pre: usize,
  weight: usize,
  bias: usize,
  y: usize,
  h: usize,
  c: usize,
  saved: usize,
  cells: usize,
  scratch: usize,
): void {
  const columns = gateCount(kind) * size;
  const panels = scratch;
  const edge = panels + packedBytes(size, columns);
  const work = edge + widePanelBytes;
  const isRow = batch == 1 && size % 4 == 0;
  const isPacked = steps * batch >= packThreshold && (isRow || batch > 1);
  const width = isRow ? widePanelColumns : panelColumns;
  if (isPacked) pack(weight, 1, size, size, columns, bias, width, panels);
  const rowBytes = (<usize>size) << 2;
  const gateBytes = (<usize>columns) << 2;
  for (let step = 0; step < steps; step++) {
    const t = isReverse ? steps - 1 - step : step;
    const place = <usize>(t * batch);
    const inputPart = pre + place * gateBytes;
    // The LSTM's gates are computed where they are kept; the GRU's two parts stay apart.
    const sums = kind == Kind.Lstm && saved ? saved + place * gateBytes : work;
    const add = kind == Kind.Gru ? 0 : inputPart;
    const fromEnd = (step & 1) == 1;
    if (!isPacked) multiplyRows(h, batch, size, weight, columns, bias, add, sums, fromEnd);
    else if (isRow) multiplyPackedRow(h, size, panels, columns, add, sums, edge, fromEnd);
    else multiply(h, batch, size, panels, columns, add, sums);
    for (let row = 0; row < batch; row++) {
      const state = h + <usize>row * rowBytes;
      const output = y + (place + row) * rowBytes;
      if (t >= lengthOf(lengths, row)) {
        memory.fill(output, 0, rowBytes);
        continue;
      }
      const gates = sums + <usize>row * gateBytes;
      if (kind == Kind.Lstm) {
        const kept = cells ? cells + (place + row) * rowBytes : 0;
        lstmForward(gates, c + <usize>row * rowBytes, kept, state, size);
      } else if (kind == Kind.Gru) {
        const kept = saved ? saved + (place + row) * 4 * rowBytes : 0;
        gruForward(inputPart + <usize>row * gateBytes, gates, bias + gateBytes, kept, state, size);
      } else {
        simpleForward(gates, state, kind == Kind.Relu, size);
      }
      memory.copy(output, state, rowBytes);
    }
  }
}

export function backwardScratchBytes(kind: i32, batch: i32, size: i32): usize {
  const columns = gateCount(kind) * size;
  return packedBytes(columns, size) + widePanelBytes + ((<usize>batch * size) << 2);
}

/**
 * @param h0 `[B, H]`, `c0` likewise: the initial state.
 * @param dy `[T, B, H]`.
 * @param dh `[B, H]`, first the gradient of the last state, at the end of the initial one; `dc`
 * likewise (LSTM).
 * @param dPre `[T, B, G·H]`. @param dRecurrent `[T, B, 3·H]`, of the state's part (GRU).
 */
export function recurrentBackward(
  kind: i32,
  steps: i32,
  batch: i32,
  size: i32,
  isReverse: bool,
  lengths: usize,
  weight: usize,
  y: usize,
  h0: usize,
  c0: usize,
  saved: usize,
  cells: usize,
  dy: usize,
  dh: usize,
  dc: usize,
  dPre: usize,
  dRecurrent: usize,
  scratch: usize,
): void {
  const columns = gateCount(kind) * size;
  const edge = scratch + packedBytes(columns, size);
  const work = edge + widePanelBytes;
  const isRow = batch == 1 && columns % 4 == 0;
  pack(weight, size, 1, columns, size, 0, isRow ? widePanelColumns : panelColumns, scratch);
  const rowBytes = (<usize>size) << 2;
  const gateBytes = (<usize>columns) << 2;
  const products = kind == Kind.Gru ? dRecurrent : dPre;
  for (let step = steps - 1; step >= 0; step--) {
    const t = isReverse ? steps - 1 - step : step;
    const place = <usize>(t * batch);
    for (let row = 0; row < batch; row++) {
      const at = place + row;
      const out = dPre + at * gateBytes;
      const outRecurrent = dRecurrent + at * gateBytes;
      const length = lengthOf(lengths, row);
      if (t >= length) {
        memory.fill(out, 0, gateBytes);
        if (kind == Kind.Gru) memory.fill(outRecurrent, 0, gateBytes);
        continue;
      }
      const isFirst = isReverse ? t == length - 1 : t == 0;
      const before = (isReverse ? at + batch : at - batch) * rowBytes;
      const rowShift = <usize>row * rowBytes;
      const dState = dh + rowShift;
      const gradient = dy + at * rowBytes;
      if (kind == Kind.Lstm) {
        lstmBackward(
          saved + at * gateBytes,
          cells + at * rowBytes,
          isFirst ? c0 + rowShift : cells + before,
          gradient,
          dState,
          dc + rowShift,
          out,
          size,
        );
      } else if (kind == Kind.Gru) {
        const previous = isFirst ? h0 + rowShift : y + before;
        gruBackward(saved + at * 4 * rowBytes, previous, gradient, dState, out, outRecurrent, size);
      } else {
        simpleBackward(y + at * rowBytes, gradient, dState, out, kind == Kind.Relu, size);
      }
    }
    const gradients = products + place * gateBytes;
    if (isRow) multiplyPackedRow(gradients, columns, scratch, size, 0, work, edge, (step & 1) == 1);
    else multiply(gradients, batch, columns, scratch, size, 0, work);
    for (let row = 0; row < batch; row++) {
      if (t >= lengthOf(lengths, row)) continue;
      const part = work + <usize>row * rowBytes;
      const state = dh + <usize>row * rowBytes;
      if (kind != Kind.Gru) {
        memory.copy(state, part, rowBytes);
        continue;
      }
      for (let i = 0; i < size; i++) {
        const shift = (<usize>i) << 2;
        f32.store(state + shift, f32.load(state + shift) + f32.load(part + shift));
      }
    }
  }
}
