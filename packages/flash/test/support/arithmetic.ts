type Numbers = ArrayLike<number>;

/**
 * The inner loops of an oracle, once for each precision: a rounding that is passed as a function
 * would be a call for every operation.
 */
export interface Arithmetic {
  round(value: number): number;
  /** `Σ a[i] b[i]` over `count` elements, from the first on. */
  dot(a: Numbers, aStart: number, b: Numbers, bStart: number, count: number): number;
  /** Adds `factor · source[i]` to `count` elements of `target`. */
  addScaled(
    target: Float64Array,
    targetStart: number,
    factor: number,
    source: Numbers,
    sourceStart: number,
    count: number,
  ): void;
}

/** Double precision. */
export const float64: Arithmetic = {
  round: (value) => value,
  dot(a, aStart, b, bStart, count) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += a[aStart + i]! * b[bStart + i]!;
    return sum;
  },
  addScaled(target, targetStart, factor, source, sourceStart, count) {
    for (let i = 0; i < count; i++) {
      target[targetStart + i] = target[targetStart + i]! + factor * source[sourceStart + i]!;
    }
  },
};

/** Single precision: every operation is rounded by itself. */
export const float32: Arithmetic = {
  round: Math.fround,
  dot(a, aStart, b, bStart, count) {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      sum = Math.fround(sum + Math.fround(a[aStart + i]! * b[bStart + i]!));
    }
    return sum;
  },
  addScaled(target, targetStart, factor, source, sourceStart, count) {
    for (let i = 0; i < count; i++) {
      const product = Math.fround(factor * source[sourceStart + i]!);
      target[targetStart + i] = Math.fround(target[targetStart + i]! + product);
    }
  },
};
