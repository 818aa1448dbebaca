/**
 * Rotary position embedding (Su et al. 2021, equation 34): turns pairs of elements of each head by
 * an angle that grows with the position of the token.
 */

/** Turns the pairs (i, i + half). */
@inline
function rotateHalves(x: usize, cos: usize, sin: usize, out: usize, half: i32): void {
  const distance: usize = half * 4;
  let i = 0;
  for (; i + 4 <= half; i += 4) {
    const a = v128.load(x);
    const b = v128.load(x + distance);
    const c = v128.load(cos);
    const s = v128.load(sin);
    v128.store(out, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
    v128.store(out + distance, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
    x += 16;
    cos += 16;
    sin += 16;
    out += 16;
  }
  for (; i < half; i++) {
    const a = load<f32>(x);
    const b = load<f32>(x + distance);
    const c = load<f32>(cos);
    const s = load<f32>(sin);
    store<f32>(out, a * c - b * s);
    store<f32>(out + distance, b * c + a * s);
    x += 4;
    cos += 4;
    sin += 4;
    out += 4;
  }
}

/** Turns the pairs (2i, 2i + 1). */
@inline
function rotateNeighbours(x: usize, cos: usize, sin: usize, out: usize, half: i32): void {
  let i = 0;
  for (; i + 2 <= half; i += 2) {
    const ab = v128.load(x);
    const ba = v128.shuffle<f32>(ab, ab, 1, 0, 3, 2);
    const cosines = v128.load64_zero(cos);
    const sines = v128.load64_zero(sin);
    const c = v128.shuffle<f32>(cosines, cosines, 0, 0, 1, 1);
    const s = v128.shuffle<f32>(f32x4.neg(sines), sines, 0, 4, 1, 5);
    v128.store(out, f32x4.add(f32x4.mul(ab, c), f32x4.mul(ba, s)));
    x += 16;
    cos += 8;
    sin += 8;
    out += 16;
  }
  if (i < half) {
    const a = load<f32>(x);
    const b = load<f32>(x, 4);
    const c = load<f32>(cos);
    const s = load<f32>(sin);
    store<f32>(out, a * c - b * s);
    store<f32>(out, b * c + a * s, 4);
  }
}

/**
 * Rotates x [tokens, heads, headSize].
 *
 * A pair (a, b) becomes (a cos - b sin, b cos + a sin). Elements past `rotarySize` are copied.
 * `out` may be `x`. Error of an element: at most 1.5 * 2^-23 (|a| + |b|).
 *
 * @param cos, sin tables [maxPosition, rotarySize / 2].
 * @param positions int32 [tokens], each a row of the tables; 0 where token t stands at position t.
 * @param rotarySize even, at most `headSize`.
 * @param interleaved 0 pairs element i with i + rotarySize / 2 (GPT-NeoX, Llama in HF order);
 *   1 pairs 2i with 2i + 1 (GPT-J, Llama in GGUF order).
 */
export function rotary(
  x: usize,
  cos: usize,
  sin: usize,
  positions: usize,
  out: usize,
  tokens: i32,
  heads: i32,
  headSize: i32,
  rotarySize: i32,
  interleaved: i32,
): void {
  const half = rotarySize / 2;
  const headBytes: usize = headSize * 4;
  const rotaryBytes: usize = rotarySize * 4;
  for (let token = 0; token < tokens; token++) {
    const position = positions == 0 ? token : load<i32>(positions + token * 4);
    const angles: usize = position * half * 4;
    for (let head = 0; head < heads; head++) {
      if (interleaved) rotateNeighbours(x, cos + angles, sin + angles, out, half);
      else rotateHalves(x, cos + angles, sin + angles, out, half);
      if (x != out && rotarySize < headSize) {
        memory.copy(out + rotaryBytes, x + rotaryBytes, headBytes - rotaryBytes);
      }
      x += headBytes;
      out += headBytes;
    }
  }
}
