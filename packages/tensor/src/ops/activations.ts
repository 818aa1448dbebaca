import type { Tensor } from "../tensor";
import { expm1Source, log1pSource } from "./exponential";
import { unaryFunction } from "./unary-operation";

const twoOverRootPi = 2 / Math.sqrt(Math.PI);
const rootHalf = Math.SQRT1_2;
const rootTwoOverPi = Math.sqrt(2 / Math.PI);

/** Below 1 the Padé approximant [7/6], above it 1 - 2 / (e^2|x| + 1): both exact to float32. */
function tanhSource(result: string, x: string): string {
  return `
    let ${result} = ${x};
    const ${result}Size = Math.abs(${x});
    if (${result}Size < 1) {
      const s = ${x} * ${x};
      ${result} = ${x} * (135135 + s * (17325 + s * (378 + s)))
        / (135135 + s * (62370 + s * (3150 + s * 28)));
    } else {
      let bounded = ${result}Size;
      if (bounded > 20) { bounded = 20; }
      const tail = 1 - 2 / (Math.exp(2 * bounded) + 1);
      if (${x} > 0) { ${result} = tail; }
      if (${x} < 0) { ${result} = -tail; }
    }`;
}

/**
 * erf: its Taylor series below 1; above, 1 - erfc by the Chebyshev fit of Press et al.,
 * Numerical Recipes, section 6.2, whose relative error is below 1.2e-7.
 */
function erfSource(result: string, x: string): string {
  const coefficients = Array.from({ length: 11 }, (_, n) => {
    const factorial = Array.from({ length: n }, (_, i) => i + 1).reduce((a, b) => a * b, 1);
    return (n % 2 === 0 ? 1 : -1) / (factorial * (2 * n + 1));
  });
  const series = coefficients.reduceRight(
    (sum, c) => (sum === "" ? `${c}` : `(${c} + s * ${sum})`),
    "",
  );
  return `
    let ${result} = ${x};
    const ${result}Size = Math.abs(${x});
    if (${result}Size < 1) {
      const s = ${x} * ${x};
      ${result} = ${twoOverRootPi} * ${x} * ${series};
    } else {
      const z = ${result}Size;
      const t = 1 / (1 + 0.5 * z);
      let exponent = -z * z - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418
        + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587
        + t * (-0.82215223 + t * 0.17087277))))))));
      if (exponent < -80) { exponent = -80; }
      const tail = 1 - t * Math.exp(exponent);
      if (${x} > 0) { ${result} = tail; }
      if (${x} < 0) { ${result} = -tail; }
    }`;
}

/** Hyperbolic tangent. */
export const tanh: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "tanh",
  value: `${tanhSource("r", "x")} return r;`,
  derivative: { reads: "y", value: "return (1 - y * y) * g;" },
});

/** Logistic sigmoid, `1 / (1 + e⁻ˣ)`. */
export const sigmoid: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "sigmoid",
  value: "return 1 / (1 + Math.exp(-x));",
  derivative: { reads: "y", value: "return y * (1 - y) * g;" },
});

/** Error function, `2/√π ∫₀ˣ e^(-t²) dt`. */
export const erf: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "erf",
  value: `${erfSource("r", "x")} return r;`,
  derivative: { reads: "x", value: `return ${twoOverRootPi} * Math.exp(-x * x) * g;` },
});

/** `max(x, 0)`. Integers stay integers. The derivative at 0 is 0. */
export const relu: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "relu",
  value: "let r = x; if (x < 0) { r = 0; } return r;",
  derivative: { reads: "y", value: "let d = 0; if (y > 0) { d = g; } return d;" },
  keepsIntegers: true,
});

const geluExact = /* @__PURE__ */ unaryFunction({
  name: "gelu",
  value: `const scaled = x * ${rootHalf}; ${erfSource("e", "scaled")} return 0.5 * x * (1 + e);`,
  derivative: {
    reads: "x",
    value: `const scaled = x * ${rootHalf}; ${erfSource("e", "scaled")}
      return (0.5 * (1 + e) + x * ${rootHalf / Math.sqrt(Math.PI)} * Math.exp(-0.5 * x * x)) * g;`,
  },
});

const geluInner = `const inner = ${rootTwoOverPi} * (x + 0.044715 * x * x * x);`;

const geluTanh = /* @__PURE__ */ unaryFunction({
  name: "geluTanh",
  value: `${geluInner} ${tanhSource("h", "inner")} return 0.5 * x * (1 + h);`,
  derivative: {
    reads: "x",
    value: `${geluInner} ${tanhSource("h", "inner")}
      const slope = ${rootTwoOverPi} * (1 + 0.134145 * x * x);
      return 0.5 * (1 + h + x * (1 - h * h) * slope) * g;`,
  },
});

/** Settings of {@link gelu}. */
export interface GeluOptions {
  /** `none` uses the error function, `tanh` the approximation of GPT-2. Default `none`. */
  readonly approximate?: "none" | "tanh";
}

/**
 * Gaussian error linear unit, `x Φ(x)` (Hendrycks and Gimpel 2016, arXiv 1606.08415).
 *
 * @param input - float32, any shape.
 */
export function gelu(input: Tensor, { approximate = "none" }: GeluOptions = {}): Tensor {
  return approximate === "tanh" ? geluTanh(input) : geluExact(input);
}

/**
 * Sigmoid linear unit, `x · σ(x)` (Elfwing et al. 2017, arXiv 1702.03118; also called swish).
 *
 * @param input - float32, any shape.
 * @returns float32, same shape.
 */
export const silu: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "silu",
  value: "return x / (1 + Math.exp(-x));",
  derivative: {
    reads: "x",
    value: "const s = 1 / (1 + Math.exp(-x)); return s * (1 + x * (1 - s)) * g;",
  },
});

const eluWith = /* @__PURE__ */ unaryFunction({
  name: "elu",
  value: `${expm1Source("e", "x")} let r = x; if (x < 0) { r = alpha * e; } return r;`,
  derivative: {
    reads: "x",
    value: "let d = g; if (x < 0) { d = alpha * Math.exp(x) * g; } return d;",
  },
  parameters: ["alpha"],
});

/** Settings of {@link elu}. */
export interface EluOptions {
  /** The limit for very negative `x`, negated. Default 1. */
  readonly alpha?: number;
}

/** Exponential linear unit: `x` above 0, `α (eˣ - 1)` below (Clevert et al. 2015, arXiv 1511.07289). */
export function elu(input: Tensor, { alpha = 1 }: EluOptions = {}): Tensor {
  return eluWith(input, alpha);
}

/** `ln(1 + eˣ)`, without overflow. */
export const softplus: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "softplus",
  value: `
    const u = Math.exp(-Math.abs(x));
    ${log1pSource("r", "u")}
    if (x > 0) { r = r + x; }
    return r;`,
  derivative: { reads: "x", value: "return g / (1 + Math.exp(-x));" },
});
