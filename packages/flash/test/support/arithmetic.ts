type Numbers = ArrayLike<number>;

/** Rows of `size` elements in a longer list, `stride` apart. */
export interface Rows<List extends Numbers = Numbers> {
  readonly of: List;
  readonly start: number;
  readonly stride: number;
  readonly size: number;
}

/**
 * The inner loops of an oracle, once for each precision: a rounding that is passed as a function
 * would be a call for every operation. Four rows go side by side where that changes no sum: one
 * addition waits for the one before it.
 */
export interface Arithmetic {
  round(value: number): number;
  /** `Σ a[i] b[i]` over `count` elements, from the first on. */
  dot(a: Numbers, aStart: number, b: Numbers, bStart: number, count: number): number;
  /** `target[j] = dot(a, rows[j])` for `j` from `low` to `high`. */
  products(
    a: Numbers,
    aStart: number,
    rows: Rows,
    low: number,
    high: number,
    target: Float64Array,
  ): void;
  /** Adds `factors[j] · rows[j]` to `target`, for one `j` after the other. */
  addRows(
    target: Float64Array,
    targetStart: number,
    factors: Float64Array,
    rows: Rows,
    low: number,
    high: number,
  ): void;
  /** Adds `factors[j] · source` to `rows[j]`. */
  addToRows(
    rows: Rows<Float64Array>,
    factors: Float64Array,
    source: Numbers,
    sourceStart: number,
    low: number,
    high: number,
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
  products(a, aStart, { of: b, start, stride, size }, low, high, target) {
    let j = low;
    for (; j + 4 <= high; j += 4) {
      const first = start + j * stride;
      const [second, third, fourth] = [first + stride, first + 2 * stride, first + 3 * stride];
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let i = 0; i < size; i++) {
        const x = a[aStart + i]!;
        s0 += x * b[first + i]!;
        s1 += x * b[second + i]!;
        s2 += x * b[third + i]!;
        s3 += x * b[fourth + i]!;
      }
      target[j] = s0;
      target[j + 1] = s1;
      target[j + 2] = s2;
      target[j + 3] = s3;
    }
    for (; j < high; j++) target[j] = this.dot(a, aStart, b, start + j * stride, size);
  },
  addRows(target, targetStart, factors, { of: rows, start, stride, size }, low, high) {
    let j = low;
    for (; j + 4 <= high; j += 4) {
      const first = start + j * stride;
      const [second, third, fourth] = [first + stride, first + 2 * stride, first + 3 * stride];
      const [f0, f1] = [factors[j]!, factors[j + 1]!];
      const [f2, f3] = [factors[j + 2]!, factors[j + 3]!];
      for (let i = 0; i < size; i++) {
        let sum = target[targetStart + i]!;
        sum += f0 * rows[first + i]!;
        sum += f1 * rows[second + i]!;
        sum += f2 * rows[third + i]!;
        sum += f3 * rows[fourth + i]!;
        target[targetStart + i] = sum;
      }
    }
    for (; j < high; j++) {
      const [row, factor] = [start + j * stride, factors[j]!];
      for (let i = 0; i < size; i++) {
        target[targetStart + i] = target[targetStart + i]! + factor * rows[row + i]!;
      }
    }
  },
  addToRows({ of: rows, start, stride, size }, factors, source, sourceStart, low, high) {
    for (let j = low; j < high; j++) {
      const [row, factor] = [start + j * stride, factors[j]!];
      if (factor === 0) continue;
      for (let i = 0; i < size; i++) {
        rows[row + i] = rows[row + i]! + factor * source[sourceStart + i]!;
      }
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
  products(a, aStart, { of: b, start, stride, size }, low, high, target) {
    let j = low;
    for (; j + 4 <= high; j += 4) {
      const first = start + j * stride;
      const [second, third, fourth] = [first + stride, first + 2 * stride, first + 3 * stride];
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let i = 0; i < size; i++) {
        const x = a[aStart + i]!;
        s0 = Math.fround(s0 + Math.fround(x * b[first + i]!));
        s1 = Math.fround(s1 + Math.fround(x * b[second + i]!));
        s2 = Math.fround(s2 + Math.fround(x * b[third + i]!));
        s3 = Math.fround(s3 + Math.fround(x * b[fourth + i]!));
      }
      target[j] = s0;
      target[j + 1] = s1;
      target[j + 2] = s2;
      target[j + 3] = s3;
    }
    for (; j < high; j++) target[j] = this.dot(a, aStart, b, start + j * stride, size);
  },
  addRows(target, targetStart, factors, { of: rows, start, stride, size }, low, high) {
    let j = low;
    for (; j + 4 <= high; j += 4) {
      const first = start + j * stride;
      const [second, third, fourth] = [first + stride, first + 2 * stride, first + 3 * stride];
      const [f0, f1] = [factors[j]!, factors[j + 1]!];
      const [f2, f3] = [factors[j + 2]!, factors[j + 3]!];
      for (let i = 0; i < size; i++) {
        let sum = target[targetStart + i]!;
        sum = Math.fround(sum + Math.fround(f0 * rows[first + i]!));
        sum = Math.fround(sum + Math.fround(f1 * rows[second + i]!));
        sum = Math.fround(sum + Math.fround(f2 * rows[third + i]!));
        sum = Math.fround(sum + Math.fround(f3 * rows[fourth + i]!));
        target[targetStart + i] = sum;
      }
    }
    for (; j < high; j++) {
      const [row, factor] = [start + j * stride, factors[j]!];
      for (let i = 0; i < size; i++) {
        const product = Math.fround(factor * rows[row + i]!);
        target[targetStart + i] = Math.fround(target[targetStart + i]! + product);
      }
    }
  },
  addToRows({ of: rows, start, stride, size }, factors, source, sourceStart, low, high) {
    for (let j = low; j < high; j++) {
      const [row, factor] = [start + j * stride, factors[j]!];
      if (factor === 0) continue;
      for (let i = 0; i < size; i++) {
        const product = Math.fround(factor * source[sourceStart + i]!);
        rows[row + i] = Math.fround(rows[row + i]! + product);
      }
    }
  },
};
