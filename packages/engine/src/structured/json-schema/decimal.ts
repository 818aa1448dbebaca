/** A number of 0 or more as its decimal digits, without needless zeros. */
export interface Decimal {
  /** At least one digit. */
  readonly whole: string;
  /** Digits after the point: none, or not ending in 0. */
  readonly fraction: string;
}

/** The shortest decimal that reads as `value`, which is finite and not negative. */
export function decimalOf(value: number): Decimal {
  const [digits = "", exponent = "0"] = value.toString().split("e");
  const [whole = "", fraction = ""] = digits.split(".");
  const shift = Number(exponent);
  const all = whole + fraction;
  const point = whole.length + shift;
  const padded = point <= 0 ? "0".repeat(1 - point) + all : all.padEnd(point, "0");
  const place = Math.max(point, 1);
  return {
    whole: padded.slice(0, place).replace(/^0+(?=\d)/, ""),
    fraction: padded.slice(place).replace(/0+$/, ""),
  };
}

/** The least double above `value`. */
export function nextAbove(value: number): number {
  if (value === 0) return Number.MIN_VALUE;
  const bits = new BigInt64Array(new Float64Array([value]).buffer);
  bits[0] = (bits[0] as bigint) + (value > 0 ? 1n : -1n);
  return new Float64Array(bits.buffer)[0] as number;
}

/** The largest double below `value`. */
export function nextBelow(value: number): number {
  return -nextAbove(-value);
}
