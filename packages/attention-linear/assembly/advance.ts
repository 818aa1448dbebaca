import { load, multiplyAdd, store } from "./simd";
import { Token } from "./token";

/**
 * The recurrence token by token, `S ← e^g S + k wᵀ`, `o = Sᵀ q`, with `w = v`, or `w = β(v - Sᵀk)`
 * after the decay (delta rule). Columns of S do not touch each other, so a strip of them is taken
 * through a token with its part of `o` in registers: S is read and written once (twice by the delta
 * rule), and stays in the first-level cache from token to token.
 */

/** Values of a wide strip: four vectors, so that their sums fill the pipeline. */
const stripBytes: usize = 64;

/** Takes one token into `state` [K, V], and writes what it reads to its output. */
export function advance(token: Token, state: usize, keyBytes: usize, valueBytes: usize): void {
  let at: usize = 0;
  if (token.decays) {
    for (; at + stripBytes <= valueBytes; at += stripBytes) {
      wideStrip(token, state, at, keyBytes, valueBytes, true);
    }
    for (; at + 16 <= valueBytes; at += 16) {
      narrowStrip(token, state, at, keyBytes, valueBytes, true, true);
    }
    for (; at < valueBytes; at += 4) {
      narrowStrip(token, state, at, keyBytes, valueBytes, true, false);
    }
    return;
  }
  for (; at + stripBytes <= valueBytes; at += stripBytes) {
    wideStrip(token, state, at, keyBytes, valueBytes, false);
  }
  for (; at + 16 <= valueBytes; at += 16) {
    narrowStrip(token, state, at, keyBytes, valueBytes, false, true);
  }
  for (; at < valueBytes; at += 4) {
    narrowStrip(token, state, at, keyBytes, valueBytes, false, false);
  }
}

/** Sixteen values from byte `at` of a row. */
@inline
function wideStrip(
  token: Token,
  state: usize,
  at: usize,
  keyBytes: usize,
  valueBytes: usize,
  hasDecay: bool,
): void {
  const query = token.query;
  const key = token.key;
  const decays = token.decays;
  let w0 = v128.load(token.value + at);
  let w1 = v128.load(token.value + at, 16);
  let w2 = v128.load(token.value + at, 32);
  let w3 = v128.load(token.value + at, 48);
  if (token.beta) {
    let h0 = f32x4.splat(0);
    let h1 = h0;
    let h2 = h0;
    let h3 = h0;
    let row = state + at;
    for (let i: usize = 0; i < keyBytes; i += 4) {
      let k = v128.load32_splat(key + i);
      if (hasDecay) k = f32x4.mul(k, v128.load32_splat(decays + i));
      h0 = multiplyAdd(k, v128.load(row), h0);
      h1 = multiplyAdd(k, v128.load(row, 16), h1);
      h2 = multiplyAdd(k, v128.load(row, 32), h2);
      h3 = multiplyAdd(k, v128.load(row, 48), h3);
      row += valueBytes;
    }
    const strength = v128.load32_splat(token.beta);
    w0 = f32x4.mul(strength, f32x4.sub(w0, h0));
    w1 = f32x4.mul(strength, f32x4.sub(w1, h1));
    w2 = f32x4.mul(strength, f32x4.sub(w2, h2));
    w3 = f32x4.mul(strength, f32x4.sub(w3, h3));
  }
  let o0 = f32x4.splat(0);
  let o1 = o0;
  let o2 = o0;
  let o3 = o0;
  let row = state + at;
  for (let i: usize = 0; i < keyBytes; i += 4) {
    const k = v128.load32_splat(key + i);
    const q = v128.load32_splat(query + i);
    let s0 = v128.load(row);
    let s1 = v128.load(row, 16);
    let s2 = v128.load(row, 32);
    let s3 = v128.load(row, 48);
    if (hasDecay) {
      const decay = v128.load32_splat(decays + i);
      s0 = f32x4.mul(decay, s0);
      s1 = f32x4.mul(decay, s1);
      s2 = f32x4.mul(decay, s2);
      s3 = f32x4.mul(decay, s3);
    }
    s0 = multiplyAdd(k, w0, s0);
    s1 = multiplyAdd(k, w1, s1);
    s2 = multiplyAdd(k, w2, s2);
    s3 = multiplyAdd(k, w3, s3);
    v128.store(row, s0);
    v128.store(row, s1, 16);
    v128.store(row, s2, 32);
    v128.store(row, s3, 48);
    o0 = multiplyAdd(q, s0, o0);
    o1 = multiplyAdd(q, s1, o1);
    o2 = multiplyAdd(q, s2, o2);
    o3 = multiplyAdd(q, s3, o3);
    row += valueBytes;
  }
  v128.store(token.output + at, o0);
  v128.store(token.output + at, o1, 16);
  v128.store(token.output + at, o2, 32);
  v128.store(token.output + at, o3, 48);
}

/** Four values, or one, from byte `at` of a row. */
@inline
function narrowStrip(
  token: Token,
  state: usize,
  at: usize,
  keyBytes: usize,
  valueBytes: usize,
  hasDecay: bool,
  isWide: bool,
): void {
  let w = load(token.value + at, isWide);
  if (token.beta) {
    let held = f32x4.splat(0);
    let row = state + at;
    for (let i: usize = 0; i < keyBytes; i += 4) {
      let k = v128.load32_splat(token.key + i);
      if (hasDecay) k = f32x4.mul(k, v128.load32_splat(token.decays + i));
      held = multiplyAdd(k, load(row, isWide), held);
      row += valueBytes;
    }
    w = f32x4.mul(v128.load32_splat(token.beta), f32x4.sub(w, held));
  }
  let o = f32x4.splat(0);
  let row = state + at;
  for (let i: usize = 0; i < keyBytes; i += 4) {
    let s = load(row, isWide);
    if (hasDecay) s = f32x4.mul(v128.load32_splat(token.decays + i), s);
    s = multiplyAdd(v128.load32_splat(token.key + i), w, s);
    store(row, s, isWide);
    o = multiplyAdd(v128.load32_splat(token.query + i), s, o);
    row += valueBytes;
  }
  store(token.output + at, o, isWide);
}
