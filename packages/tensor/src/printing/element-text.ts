import type { DType } from "../dtype";

/** How numbers are written. */
export interface NumberStyle {
  /** Digits after the point. */
  readonly precision: number;
  /** Whether numbers are written with an exponent; `undefined` decides by their range. */
  readonly scientific: boolean | undefined;
}

/**
 * The elements as text of equal length, so that columns align.
 *
 * Floats are written as PyTorch does: whole numbers without digits after the point; with an exponent
 * when the largest is over 1000 times the smallest or over 1e8, or a fraction is below 1e-4; else
 * with `precision` digits.
 *
 * @param values - One number per element; half precision as its 16-bit pattern.
 */
export function elementTexts(
  values: Float64Array,
  dtype: DType,
  { precision, scientific }: NumberStyle,
): string[] {
  const texts = textsOf(values, dtype, precision, scientific);
  const width = texts.reduce((most, text) => Math.max(most, text.length), 0);
  return texts.map((text) => text.padStart(width));
}

function textsOf(
  values: Float64Array,
  dtype: DType,
  precision: number,
  scientific: boolean | undefined,
): string[] {
  switch (dtype) {
    case "bool":
      return Array.from(values, (value) => (value === 0 ? "false" : "true"));
    case "int32":
      return Array.from(values, String);
    case "float16":
      return floatTexts(values.map(halfToNumber), precision, scientific);
    case "bfloat16":
      return floatTexts(values.map(brainToNumber), precision, scientific);
    default:
      return floatTexts(values, precision, scientific);
  }
}

function floatTexts(
  values: Float64Array,
  precision: number,
  scientific: boolean | undefined,
): string[] {
  const sizes = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  const smallest = sizes.reduce((least, size) => Math.min(least, size), Infinity);
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0);
  const areWhole = sizes.every(Number.isInteger);
  const isWide = largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4;
  const write = (size: number): string => {
    if (scientific ?? isWide) return withExponent(size, precision);
    return areWhole ? `${size.toFixed(0)}.` : size.toFixed(precision);
  };
  return Array.from(values, (value) => {
    if (Number.isNaN(value)) return "nan";
    const size = Number.isFinite(value) ? write(Math.abs(value)) : "inf";
    return value < 0 || Object.is(value, -0) ? `-${size}` : size;
  });
}

/** `1.0000e-05`: exponents of two digits and more, so that columns align. */
function withExponent(size: number, precision: number): string {
  return size.toExponential(precision).replace(/e([+-])(\d)$/, "e$10$2");
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits >= 2 ** 15 ? -1 : 1;
  const exponent = Math.floor(bits / 2 ** 10) % 2 ** 5;
  const fraction = bits % 2 ** 10;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (2 ** 10 + fraction) * 2 ** (exponent - 25);
}

/** bfloat16: the upper half of a float32. */
function brainToNumber(bits: number): number {
  return new Float32Array(Uint32Array.of(bits * 2 ** 16).buffer)[0] ?? 0;
}
