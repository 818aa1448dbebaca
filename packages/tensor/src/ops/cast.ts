import { commonDevice } from "../device/device";
import { byteLengthOf, type DType } from "../dtype";
import { DTypeError } from "../errors";
import type { KernelSource } from "../gpujs/kernel-source";
import type { Tensor } from "../tensor";
import { launchFlat } from "./launch-flat";
import { type Operation, runSingle } from "./operation";
import { decodeBrainFloat, decodeHalf } from "./packed-weights";

/** The dtypes with one element per number, between which {@link cast} converts. */
export type PlainDType = "float32" | "int32" | "bool" | "float16" | "bfloat16";

/** Statements that set `value` from the stored element `stored`. */
const decoders: Readonly<Record<PlainDType, string>> = {
  float32: "const value = stored;",
  int32: "const value = stored;",
  bool: "const value = stored;",
  float16: `
    ${decodeHalf("value", "stored")}
    if (valueExponent === 31) {
      value = Math.exp(stored);
      if (valueMantissa > 0) { value = value - value; }
      if (stored >= 32768) { value = -value; }
    }`,
  bfloat16: `
    ${decodeBrainFloat("value", "stored")}
    if (valueExponent === 255) {
      value = Math.exp(stored);
      if (valueMantissa > 0) { value = value - value; }
      if (stored >= 32768) { value = -value; }
    }`,
};

/** Statements that return the pattern of `value` with `mantissaBits` bits, rounded to nearest even. */
function encodeFloat(mantissaBits: number, smallest: number, largest: number): string {
  const implicit = 2 ** mantissaBits;
  const infinity = (largest - smallest + 2) * implicit;
  return `
    let magnitude = Math.abs(value);
    let sign = 0;
    if (value < 0) { sign = 32768; }
    if (value === 0) { if (1 / value < 0) { sign = 32768; } }
    let pattern = 0;
    if (magnitude !== magnitude) {
      pattern = ${infinity + implicit / 2};
    } else if (magnitude > 3.4028234e38) {
      pattern = ${infinity};
    } else if (magnitude > 0) {
      let exponent = Math.floor(Math.log2(magnitude));
      if (exponent < ${smallest}) { exponent = ${smallest}; }
      if (exponent > ${largest}) { exponent = ${largest}; }
      // 2^(${mantissaBits} - exponent) in two factors, each within float32.
      const first = Math.floor((${mantissaBits} - exponent) / 2);
      const scaled = magnitude * Math.pow(2, first) * Math.pow(2, ${mantissaBits} - exponent - first);
      let rounded = Math.floor(scaled + 0.5);
      if (rounded - scaled === 0.5 && rounded - 2 * Math.floor(rounded / 2) > 0.5) { rounded = rounded - 1; }
      // A logarithm that is off by one at a power of two still gives the right pattern.
      pattern = rounded + (exponent - ${smallest}) * ${implicit};
      if (pattern > ${infinity}) { pattern = ${infinity}; }
    }
    return sign + pattern;`;
}

/** Statements that return what is stored for `value`. */
const encoders: Readonly<Record<PlainDType, string>> = {
  float32: "return value;",
  int32: `
    let whole = Math.floor(Math.abs(value));
    if (value < 0) { whole = -whole; }
    if (whole > 2147483520) { whole = 2147483520; }
    if (whole < -2147483648) { whole = -2147483648; }
    if (value !== value) { whole = 0; }
    return whole;`,
  bool: "let truth = 1; if (value === 0) { truth = 0; } return truth;",
  float16: encodeFloat(10, -14, 15),
  bfloat16: encodeFloat(7, -126, 127),
};

function isPlain(dtype: DType): dtype is PlainDType {
  return dtype in decoders;
}

function castSource(from: PlainDType, to: PlainDType): KernelSource {
  return {
    name: `cast-${from}-${to}`,
    source: `function (operand) {
      const stored = operand[this.thread.x];
      ${decoders[from]}
      ${encoders[to]}
    }`,
    parameters: ["array"],
  };
}

interface CastAttributes {
  readonly from: PlainDType;
  readonly to: PlainDType;
}

const castOperation: Operation<CastAttributes, [Tensor], [Tensor]> = {
  name: "cast",
  infer: ([input], { to }) => [{ dtype: to, shape: input.shape }],
  gpujs: (context) =>
    launchFlat(context, castSource(context.attributes.from, context.attributes.to)),
  gradient: {
    saves: "neither",
    compute: ({ outputGradient }) => [outputGradient.alias()],
  },
};

/**
 * The elements as another dtype. To `int32`: toward zero, NaN becomes 0, out of range the nearest
 * float32 within. To `bool`: whether it is not 0. To `float16` and `bfloat16`: the nearest, halves
 * to even. Gradients flow between float32 tensors only.
 *
 * @param input - A plain dtype, any shape.
 * @returns Same shape. Dispose it on its own, also where nothing had to be converted.
 * @throws {DTypeError} for packed dtypes.
 */
export function cast(input: Tensor, dtype: DType): Tensor {
  commonDevice("cast", [input]);
  byteLengthOf(dtype, [0]);
  const { dtype: from } = input;
  if (from === dtype) return input.alias();
  if (!isPlain(from) || !isPlain(dtype)) {
    throw new DTypeError(
      `cast: ${from} to ${dtype} is not a conversion of plain dtypes; use float32, int32, bool, float16 or bfloat16`,
      { from, to: dtype },
    );
  }
  return runSingle(castOperation, [input], { from, to: dtype });
}
