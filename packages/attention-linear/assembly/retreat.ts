import { load, multiplyAdd, store, sumLanes } from "./simd";
import { Token } from "./token";

/**
 * One token backwards. With R = e^g S the decayed state before the token, w what it writes and D the
 * gradient of the state after it:
 *
 *   D += q doᵀ; dq = (R + k wᵀ) do; dw = Dᵀk; dk = D w; dv = dw
 *   delta rule, w = β u, u = v - Rᵀk: dβ = dw·u; dv = β dw; dk -= R dv; D -= k dvᵀ
 *   dg = Σ D ∘ R by rows; D ← e^g D
 *
 * Strips of columns as on the way forward; sums over columns are kept as four lanes for each row,
 * until {@link finish}.
 */
@unmanaged
export class Gradients {
  /** Four lanes for each key element. */
  query: usize;
  key: usize;
  decay: usize;
  beta: f32;
  /** `[V]`, of the output and the values. */
  output: usize;
  value: usize;
}

const stripBytes: usize = 64;

@inline
function addLanes(target: usize, lanes: v128): void {
  v128.store(target, f32x4.add(v128.load(target), lanes));
}

/** Changes `gradient` [K, V] from that of the state after the token to that of the state before it. */
export function retreat(
  token: Token,
  into: Gradients,
  before: usize,
  gradient: usize,
  keyBytes: usize,
  valueBytes: usize,
): void {
  memory.fill(into.query, 0, keyBytes << 2);
  memory.fill(into.key, 0, keyBytes << 2);
  memory.fill(into.decay, 0, keyBytes << 2);
  into.beta = 0;
  let at: usize = 0;
  for (; at + stripBytes <= valueBytes; at += stripBytes) {
    wideStrip(token, into, before + at, gradient + at, at, keyBytes, valueBytes);
  }
  for (; at + 16 <= valueBytes; at += 16) {
    narrowStrip(token, into, before + at, gradient + at, at, keyBytes, valueBytes, true);
  }
  for (; at < valueBytes; at += 4) {
    narrowStrip(token, into, before + at, gradient + at, at, keyBytes, valueBytes, false);
  }
}

/** Adds the lanes up: one number for each key element, or one in all. */
export function finish(lanes: usize, target: usize, keyBytes: usize, isOne: bool): void {
  let sum: f32 = 0;
  for (let i: usize = 0; i < keyBytes; i += 4) {
    const own = sumLanes(v128.load(lanes + (i << 2)));
    sum += own;
    if (!isOne) f32.store(target + i, own);
  }
  if (isOne) f32.store(target, sum);
}

/** Sixteen columns from byte `at` of a row. */
function wideStrip(
  token: Token,
  into: Gradients,
  before: usize,
  gradient: usize,
  at: usize,
  keyBytes: usize,
  valueBytes: usize,
): void {
  const query = token.query;
  const key = token.key;
  const decays = token.decays;
  let w0 = v128.load(token.value + at);
  let w1 = v128.load(token.value + at, 16);
  let w2 = v128.load(token.value + at, 32);
  let w3 = v128.load(token.value + at, 48);
  const strength = token.beta ? v128.load32_splat(token.beta) : f32x4.splat(1);
  let u0 = w0;
  let u1 = w1;
  let u2 = w2;
  let u3 = w3;
  if (token.beta) {
    let row = before;
    for (let i: usize = 0; i < keyBytes; i += 4) {
      let k = f32x4.neg(v128.load32_splat(key + i));
      if (decays) k = f32x4.mul(k, v128.load32_splat(decays + i));
      u0 = multiplyAdd(k, v128.load(row), u0);
      u1 = multiplyAdd(k, v128.load(row, 16), u1);
      u2 = multiplyAdd(k, v128.load(row, 32), u2);
      u3 = multiplyAdd(k, v128.load(row, 48), u3);
      row += valueBytes;
    }
    w0 = f32x4.mul(strength, u0);
    w1 = f32x4.mul(strength, u1);
    w2 = f32x4.mul(strength, u2);
    w3 = f32x4.mul(strength, u3);
  }
  const g0 = v128.load(into.output + at);
  const g1 = v128.load(into.output + at, 16);
  const g2 = v128.load(into.output + at, 32);
  const g3 = v128.load(into.output + at, 48);
  let v0 = f32x4.splat(0);
  let v1 = v0;
  let v2 = v0;
  let v3 = v0;
  let row = before;
  let slope = gradient;
  for (let i: usize = 0; i < keyBytes; i += 4) {
    const q = v128.load32_splat(query + i);
    const k = v128.load32_splat(key + i);
    const d0 = multiplyAdd(q, g0, v128.load(slope));
    const d1 = multiplyAdd(q, g1, v128.load(slope, 16));
    const d2 = multiplyAdd(q, g2, v128.load(slope, 32));
    const d3 = multiplyAdd(q, g3, v128.load(slope, 48));
    v128.store(slope, d0);
    v128.store(slope, d1, 16);
    v128.store(slope, d2, 32);
    v128.store(slope, d3, 48);
    v0 = multiplyAdd(k, d0, v0);
    v1 = multiplyAdd(k, d1, v1);
    v2 = multiplyAdd(k, d2, v2);
    v3 = multiplyAdd(k, d3, v3);
    const ofKey = multiplyAdd(
      d0,
      w0,
      multiplyAdd(d1, w1, multiplyAdd(d2, w2, f32x4.mul(d3, w3))),
    );
    addLanes(into.key + (i << 2), ofKey);
    let r0 = v128.load(row);
    let r1 = v128.load(row, 16);
    let r2 = v128.load(row, 32);
    let r3 = v128.load(row, 48);
    if (decays) {
      const decay = v128.load32_splat(decays + i);
      r0 = f32x4.mul(decay, r0);
      r1 = f32x4.mul(decay, r1);
      r2 = f32x4.mul(decay, r2);
      r3 = f32x4.mul(decay, r3);
    }
    let ofQuery = f32x4.mul(multiplyAdd(k, w0, r0), g0);
    ofQuery = multiplyAdd(multiplyAdd(k, w1, r1), g1, ofQuery);
    ofQuery = multiplyAdd(multiplyAdd(k, w2, r2), g2, ofQuery);
    ofQuery = multiplyAdd(multiplyAdd(k, w3, r3), g3, ofQuery);
    addLanes(into.query + (i << 2), ofQuery);
    row += valueBytes;
    slope += valueBytes;
  }
  if (token.beta) {
    const ofBeta = multiplyAdd(
      v0,
      u0,
      multiplyAdd(v1, u1, multiplyAdd(v2, u2, f32x4.mul(v3, u3))),
    );
    into.beta += sumLanes(ofBeta);
    v0 = f32x4.mul(strength, v0);
    v1 = f32x4.mul(strength, v1);
    v2 = f32x4.mul(strength, v2);
    v3 = f32x4.mul(strength, v3);
  }
  v128.store(into.value + at, v0);
  v128.store(into.value + at, v1, 16);
  v128.store(into.value + at, v2, 32);
  v128.store(into.value + at, v3, 48);
  if (!token.beta && !decays) return;
  row = before;
  slope = gradient;
  for (let i: usize = 0; i < keyBytes; i += 4) {
    const decay = decays ? v128.load32_splat(decays + i) : f32x4.splat(1);
    const r0 = f32x4.mul(decay, v128.load(row));
    const r1 = f32x4.mul(decay, v128.load(row, 16));
    const r2 = f32x4.mul(decay, v128.load(row, 32));
    const r3 = f32x4.mul(decay, v128.load(row, 48));
    let d0 = v128.load(slope);
    let d1 = v128.load(slope, 16);
    let d2 = v128.load(slope, 32);
    let d3 = v128.load(slope, 48);
    if (token.beta) {
      const k = f32x4.neg(v128.load32_splat(key + i));
      d0 = multiplyAdd(k, v0, d0);
      d1 = multiplyAdd(k, v1, d1);
      d2 = multiplyAdd(k, v2, d2);
      d3 = multiplyAdd(k, v3, d3);
      const ofKey = multiplyAdd(
        r0,
        v0,
        multiplyAdd(r1, v1, multiplyAdd(r2, v2, f32x4.mul(r3, v3))),
      );
      addLanes(into.key + (i << 2), f32x4.neg(ofKey));
    }
    if (decays) {
      const ofDecay = multiplyAdd(
        r0,
        d0,
        multiplyAdd(r1, d1, multiplyAdd(r2, d2, f32x4.mul(r3, d3))),
      );
      addLanes(into.decay + (i << 2), ofDecay);
    }
    v128.store(slope, f32x4.mul(decay, d0));
    v128.store(slope, f32x4.mul(decay, d1), 16);
    v128.store(slope, f32x4.mul(decay, d2), 32);
    v128.store(slope, f32x4.mul(decay, d3), 48);
    row += valueBytes;
    slope += valueBytes;
  }
}

/** As {@link addLanes}; a single column counts in the first lane alone. */
@inline
function addColumns(target: usize, lanes: v128, isWide: bool): void {
  if (isWide) addLanes(target, lanes);
  else f32.store(target, f32.load(target) + f32x4.extract_lane(lanes, 0));
}

/** Four columns, or one, from byte `at` of a row. */
@inline
function narrowStrip(
  token: Token,
  into: Gradients,
  before: usize,
  gradient: usize,
  at: usize,
  keyBytes: usize,
  valueBytes: usize,
  isWide: bool,
): void {
  const decays = token.decays;
  const strength = token.beta ? v128.load32_splat(token.beta) : f32x4.splat(1);
  let u = load(token.value + at, isWide);
  if (token.beta) {
    let row = before;
    for (let i: usize = 0; i < keyBytes; i += 4) {
      let k = f32x4.neg(v128.load32_splat(token.key + i));
      if (decays) k = f32x4.mul(k, v128.load32_splat(decays + i));
      u = multiplyAdd(k, load(row, isWide), u);
      row += valueBytes;
    }
  }
  const w = f32x4.mul(strength, u);
  const g = load(into.output + at, isWide);
  let v = f32x4.splat(0);
  let row = before;
  let slope = gradient;
  for (let i: usize = 0; i < keyBytes; i += 4) {
    const k = v128.load32_splat(token.key + i);
    const d = multiplyAdd(v128.load32_splat(token.query + i), g, load(slope, isWide));
    store(slope, d, isWide);
    v = multiplyAdd(k, d, v);
    addColumns(into.key + (i << 2), f32x4.mul(d, w), isWide);
    let r = load(row, isWide);
    if (decays) r = f32x4.mul(v128.load32_splat(decays + i), r);
    addColumns(into.query + (i << 2), f32x4.mul(multiplyAdd(k, w, r), g), isWide);
    row += valueBytes;
    slope += valueBytes;
  }
  if (token.beta) {
    const ofBeta = f32x4.mul(v, u);
    into.beta += isWide ? sumLanes(ofBeta) : f32x4.extract_lane(ofBeta, 0);
    v = f32x4.mul(strength, v);
  }
  store(into.value + at, v, isWide);
  if (!token.beta && !decays) return;
  row = before;
  slope = gradient;
  for (let i: usize = 0; i < keyBytes; i += 4) {
    const decay = decays ? v128.load32_splat(decays + i) : f32x4.splat(1);
    const r = f32x4.mul(decay, load(row, isWide));
    let d = load(slope, isWide);
    if (token.beta) {
      d = multiplyAdd(f32x4.neg(v128.load32_splat(token.key + i)), v, d);
      addColumns(into.key + (i << 2), f32x4.neg(f32x4.mul(r, v)), isWide);
    }
    if (decays) addColumns(into.decay + (i << 2), f32x4.mul(r, d), isWide);
    store(slope, f32x4.mul(decay, d), isWide);
    row += valueBytes;
    slope += valueBytes;
  }
}
