import type { KernelSource } from "../gpujs/kernel-source";
import type { Tensor } from "../tensor";
import { add, mul, sub } from "./binary";
import { assertDType, assertShapes } from "./checks";
import { asArgument, type Operation, rowsOf, runSingle, sliceOf } from "./operation";
import { mean } from "./reductions";
import { sumTo } from "./sum-to";
import { rsqrt, square } from "./unary";

/** Settings of {@link rmsNorm}. */
export interface RmsNormOptions {
  /** Added to the mean square before the root. Default 1e-5. */
  readonly epsilon?: number;
}

const inverseRootMeanSquare: KernelSource = {
  name: "rms-norm-inverse",
  source: `function (x, columns, epsilon) {
    let sum = 0;
    for (let column = 0; column < columns; column++) {
      const value = x[this.thread.x][column];
      sum += value * value;
    }
    return 1 / Math.sqrt(sum / columns + epsilon);
  }`,
  parameters: ["array", "integer", "float"],
};

const scaleRows: KernelSource = {
  name: "rms-norm-scale",
  source: `function (x, weight, inverse) {
    return x[this.thread.y][this.thread.x] * inverse[this.thread.y] * weight[this.thread.x];
  }`,
  parameters: ["array", "array", "array"],
};

const rmsNormOperation: Operation<
  { readonly epsilon: number },
  readonly [Tensor, Tensor],
  [Tensor]
> = {
  name: "rmsNorm",
  infer: ([input, weight]) => {
    assertDType("rmsNorm", "the input", input, "float32");
    assertDType("rmsNorm", "the weight", weight, "float32");
    const fits = input.rank > 0 && weight.rank === 1 && weight.shape[0] === input.shape.at(-1);
    assertShapes("rmsNorm", fits, "use input [..., N] and weight [N]", input, weight);
    return [{ dtype: "float32", shape: input.shape }];
  },
  gpujs: ({ inputs: [input, weight], outputs: [output], attributes, launch, temporary }) => {
    if (input.size === 0) return;
    const { rows, columns } = rowsOf(input.shape);
    const matrix = asArgument(input, [columns, rows]);
    const inverse = temporary([rows]);
    launch(inverseRootMeanSquare, [matrix, columns, attributes.epsilon], [rows], sliceOf(inverse));
    launch(
      scaleRows,
      [matrix, asArgument(weight), asArgument(inverse)],
      [columns, rows],
      sliceOf(output),
    );
  },
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [x, weight], outputGradient, attributes, needs }) => {
      const last = { axis: -1, keepDims: true };
      const inverse = rsqrt(add(mean(square(x), last), attributes.epsilon));
      const normalized = mul(x, inverse);
      const scaled = mul(outputGradient, weight);
      const projection = mul(normalized, mean(mul(scaled, normalized), last));
      return [
        needs[0] ? mul(inverse, sub(scaled, projection)) : undefined,
        needs[1] ? sumTo(mul(outputGradient, normalized), weight.shape) : undefined,
      ];
    },
  },
};

/**
 * Root-mean-square normalization of the last dimension: `x / √(mean(x²) + ε) · weight`
 * (Zhang and Sennrich 2019, arXiv 1910.07467, eq. 4).
 *
 * @param input - float32 `[..., N]`.
 * @param weight - float32 `[N]`.
 * @returns float32 `[..., N]`.
 */
export function rmsNorm(
  input: Tensor,
  weight: Tensor,
  { epsilon = 1e-5 }: RmsNormOptions = {},
): Tensor {
  return runSingle(rmsNormOperation, [input, weight], { epsilon });
}
