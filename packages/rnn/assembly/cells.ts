import { hyperbolicTangent, sigmoid } from "./activations";
import { load, store } from "./lanes";

/**
 * One step of one sequence, after the products: gates and state, forward and backward. `size` is H;
 * all rows are contiguous. Gate orders are PyTorch's.
 */

@inline
function one(): v128 {
  return f32x4.splat(1);
}

@inline
function lstmForwardAt(gates: usize, cell: usize, saved: usize, h: usize, n: i32, w: bool): void {
  const bytes = (<usize>n) << 2;
  const input = sigmoid(load(gates, w), n);
  const forget = sigmoid(load(gates + bytes, w), n);
  const candidate = hyperbolicTangent(load(gates + 2 * bytes, w), n);
  const output = sigmoid(load(gates + 3 * bytes, w), n);
  store(gates, input, w);
  store(gates + bytes, forget, w);
  store(gates + 2 * bytes, candidate, w);
  store(gates + 3 * bytes, output, w);
  const c = f32x4.add(f32x4.mul(forget, load(cell, w)), f32x4.mul(input, candidate));
  store(cell, c, w);
  if (saved) store(saved, c, w);
  store(h, f32x4.mul(output, hyperbolicTangent(c, n)), w);
}

/** `gates` [4H]: what enters i, f, g, o becomes their values. `cell` and `h` are the new state. */
export function lstmForward(gates: usize, cell: usize, saved: usize, h: usize, size: i32): void {
  let i: usize = 0;
  const wide = (<usize>(size & ~3)) << 2;
  const end = (<usize>size) << 2;
  for (; i < wide; i += 16) {
    lstmForwardAt(gates + i, cell + i, saved ? saved + i : 0, h + i, size, true);
  }
  for (; i < end; i += 4) {
    lstmForwardAt(gates + i, cell + i, saved ? saved + i : 0, h + i, size, false);
  }
}

@inline
function lstmBackwardAt(
  gates: usize,
  cell: usize,
  previous: usize,
  dy: usize,
  dh: usize,
  dc: usize,
  out: usize,
  n: i32,
  w: bool,
): void {
  const bytes = (<usize>n) << 2;
  const input = load(gates, w);
  const forget = load(gates + bytes, w);
  const candidate = load(gates + 2 * bytes, w);
  const output = load(gates + 3 * bytes, w);
  const squashed = hyperbolicTangent(load(cell, w), n);
  const dHidden = f32x4.add(load(dy, w), load(dh, w));
  const slope = f32x4.sub(one(), f32x4.mul(squashed, squashed));
  const dCell = f32x4.add(load(dc, w), f32x4.mul(f32x4.mul(dHidden, output), slope));
  const dInput = f32x4.mul(f32x4.mul(dCell, candidate), input);
  store(out, f32x4.mul(dInput, f32x4.sub(one(), input)), w);
  const dForget = f32x4.mul(f32x4.mul(dCell, load(previous, w)), forget);
  store(out + bytes, f32x4.mul(dForget, f32x4.sub(one(), forget)), w);
  const flat = f32x4.sub(one(), f32x4.mul(candidate, candidate));
  store(out + 2 * bytes, f32x4.mul(f32x4.mul(dCell, input), flat), w);
  const dOutput = f32x4.mul(f32x4.mul(dHidden, squashed), output);
  store(out + 3 * bytes, f32x4.mul(dOutput, f32x4.sub(one(), output)), w);
  store(dc, f32x4.mul(dCell, forget), w);
}

/** `dc` becomes the gradient of the previous cell; `out` [4H] that of what entered the gates. */
export function lstmBackward(
  gates: usize,
  cell: usize,
  previous: usize,
  dy: usize,
  dh: usize,
  dc: usize,
  out: usize,
  size: i32,
): void {
  let i: usize = 0;
  const wide = (<usize>(size & ~3)) << 2;
  const end = (<usize>size) << 2;
  for (; i < wide; i += 16) {
    lstmBackwardAt(
      gates + i, cell + i, previous + i, dy + i, dh + i, dc + i, out + i, size, true,
    );
  }
  for (; i < end; i += 4) {
    lstmBackwardAt(
      gates + i, cell + i, previous + i, dy + i, dh + i, dc + i, out + i, size, false,
    );
  }
}

@inline
function gruForwardAt(
  gates: usize,
  recurrent: usize,
  bias: usize,
  saved: usize,
  h: usize,
  n: i32,
  w: bool,
): void {
  const bytes = (<usize>n) << 2;
  const reset = sigmoid(f32x4.add(load(gates, w), load(recurrent, w)), n);
  const update = sigmoid(f32x4.add(load(gates + bytes, w), load(recurrent + bytes, w)), n);
  const inner = load(recurrent + 2 * bytes, w);
  const outer = f32x4.add(load(gates + 2 * bytes, w), load(bias, w));
  const sum = f32x4.add(outer, f32x4.mul(reset, inner));
  const candidate = hyperbolicTangent(sum, n);
  if (saved) {
    store(saved, reset, w);
    store(saved + bytes, update, w);
    store(saved + 2 * bytes, candidate, w);
    store(saved + 3 * bytes, inner, w);
  }
  const before = load(h, w);
  store(h, f32x4.add(candidate, f32x4.mul(update, f32x4.sub(before, candidate))), w);
}

/**
 * `gates` [3H]: what the input adds to r, z, n; `recurrent` [3H]: what the state and the biases add;
 * `bias` [H] of n outside of the bracket. `saved` [4H], or 0: r, z, n and the bracket that r scales.
 */
export function gruForward(
  gates: usize,
  recurrent: usize,
  bias: usize,
  saved: usize,
  h: usize,
  size: i32,
): void {
  let i: usize = 0;
  const wide = (<usize>(size & ~3)) << 2;
  const end = (<usize>size) << 2;
  for (; i < wide; i += 16) {
    gruForwardAt(gates + i, recurrent + i, bias + i, saved ? saved + i : 0, h + i, size, true);
  }
  for (; i < end; i += 4) {
    gruForwardAt(gates + i, recurrent + i, bias + i, saved ? saved + i : 0, h + i, size, false);
  }
}

@inline
function gruBackwardAt(
  saved: usize,
  previous: usize,
  dy: usize,
  dh: usize,
  out: usize,
  outRecurrent: usize,
  n: i32,
  w: bool,
): void {
  const bytes = (<usize>n) << 2;
  const reset = load(saved, w);
  const update = load(saved + bytes, w);
  const candidate = load(saved + 2 * bytes, w);
  const inner = load(saved + 3 * bytes, w);
  const dHidden = f32x4.add(load(dy, w), load(dh, w));
  const rest = f32x4.sub(one(), update);
  const flat = f32x4.sub(one(), f32x4.mul(candidate, candidate));
  const dCandidate = f32x4.mul(f32x4.mul(dHidden, rest), flat);
  const change = f32x4.sub(load(previous, w), candidate);
  const dUpdate = f32x4.mul(f32x4.mul(f32x4.mul(dHidden, change), update), rest);
  const slope = f32x4.mul(reset, f32x4.sub(one(), reset));
  const dReset = f32x4.mul(f32x4.mul(dCandidate, inner), slope);
  store(out, dReset, w);
  store(out + bytes, dUpdate, w);
  store(out + 2 * bytes, dCandidate, w);
  store(outRecurrent, dReset, w);
  store(outRecurrent + bytes, dUpdate, w);
  store(outRecurrent + 2 * bytes, f32x4.mul(dCandidate, reset), w);
  store(dh, f32x4.mul(dHidden, update), w);
}

/** `dh` becomes the part of the previous state's gradient that passes the gates by. */
export function gruBackward(
  saved: usize,
  previous: usize,
  dy: usize,
  dh: usize,
  out: usize,
  outRecurrent: usize,
  size: i32,
): void {
  let i: usize = 0;
  const wide = (<usize>(size & ~3)) << 2;
  const end = (<usize>size) << 2;
  for (; i < wide; i += 16) {
    gruBackwardAt(saved + i, previous + i, dy + i, dh + i, out + i, outRecurrent + i, size, true);
  }
  for (; i < end; i += 4) {
    gruBackwardAt(saved + i, previous + i, dy + i, dh + i, out + i, outRecurrent + i, size, false);
  }
}

@inline
function simpleForwardAt(gates: usize, h: usize, isRelu: bool, n: i32, w: bool): void {
  const sum = load(gates, w);
  if (isRelu) store(h, f32x4.max(sum, f32x4.splat(0)), w);
  else store(h, hyperbolicTangent(sum, n), w);
}

export function simpleForward(gates: usize, h: usize, isRelu: bool, size: i32): void {
  let i: usize = 0;
  const wide = (<usize>(size & ~3)) << 2;
  const end = (<usize>size) << 2;
  for (; i < wide; i += 16) simpleForwardAt(gates + i, h + i, isRelu, size, true);
  for (; i < end; i += 4) simpleForwardAt(gates + i, h + i, isRelu, size, false);
}

@inline
function simpleBackwardAt(y: usize, dy: usize, dh: usize, out: usize, isRelu: bool, w: bool): void {
  const value = load(y, w);
  const dHidden = f32x4.add(load(dy, w), load(dh, w));
  if (isRelu) store(out, v128.and(dHidden, f32x4.gt(value, f32x4.splat(0))), w);
  else store(out, f32x4.mul(dHidden, f32x4.sub(one(), f32x4.mul(value, value))), w);
}

export function simpleBackward(
  y: usize,
  dy: usize,
  dh: usize,
  out: usize,
  isRelu: bool,
  size: i32,
): void {
  let i: usize = 0;
  const wide = (<usize>(size & ~3)) << 2;
  const end = (<usize>size) << 2;
  for (; i < wide; i += 16) simpleBackwardAt(y + i, dy + i, dh + i, out + i, isRelu, true);
  for (; i < end; i += 4) simpleBackwardAt(y + i, dy + i, dh + i, out + i, isRelu, false);
}
