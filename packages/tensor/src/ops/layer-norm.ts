import type { KernelSource } from "../gpujs/kernel-source";
import { sizeOf } from "../shape";
import type { Tensor } from "../tensor";
import { assertDType, assertShapes } from "./checks";
import { ones, zeros } from "./creation";
import { asArgument, type Operation, rowsOf, runOperation, runSingle, sliceOf } from "./operation";

/** Settings of {@link layerNorm}. */
export interface LayerNormOptions {
  /** float32 `[N]`, by which the result is multiplied. Default: ones. */
  readonly weight?: Tensor;
  /** float32 `[N]`, added to the result. Default: zeros. */
  readonly bias?: Tensor;
  /** Added to the variance. Default 1e-5. */
  readonly epsilon?: number;
}

interface LayerNormAttributes {
  readonly epsilon: number;
}

const rowMean: KernelSource = {
  name: "layer-norm-mean",
  source: `function (x, columns) {
    let sum = 0;
    for (let column = 0; column < columns; column++) { sum += x[this.thread.x][column]; }
    return sum / columns;
  }`,
  parameters: ["array", "integer"],
};

const rowInverseDeviation: KernelSource = {
  name: "layer-norm-inverse-deviation",
  source: `function (x, mean, columns, epsilon) {
    let sum = 0;
    for (let column = 0; column < columns; column++) {
      const centered = x[this.thread.x][column] - mean[this.thread.x];
      sum += centered * centered;
    }
    return 1 / Math.sqrt(sum / columns + epsilon);
  }`,
  parameters: ["array", "array", "integer", "float"],
};

const normalize: KernelSource = {
  name: "layer-norm-normalize",
  source: `function (x, mean, inverse, weight, bias) {
    const row = this.thread.y;
    const column = this.thread.x;
    return (x[row][column] - mean[row]) * inverse[row] * weight[column] + bias[column];
  }`,
  parameters: ["array", "array", "array", "array", "array"],
};

/** Mean over the row of g·w, and of g·w·x̂. */
const gradientMean: KernelSource = {
  name: "layer-norm-gradient-mean",
  source: `function (x, gradient, weight, mean, inverse, columns, isWeighted) {
    const row = this.thread.x;
    let sum = 0;
    for (let column = 0; column < columns; column++) {
      let factor = 1;
      if (isWeighted > 0) { factor = (x[row][column] - mean[row]) * inverse[row]; }
      sum += gradient[row][column] * weight[column] * factor;
    }
    return sum / columns;
  }`,
  parameters: ["array", "array", "array", "array", "array", "integer", "integer"],
};

const inputGradient: KernelSource = {
  name: "layer-norm-gradient-input",
  source: `function (x, gradient, weight, mean, inverse, plain, weighted) {
    const row = this.thread.y;
    const column = this.thread.x;
    const normalized = (x[row][column] - mean[row]) * inverse[row];
    const scaled = gradient[row][column] * weight[column];
    return (scaled - plain[row] - normalized * weighted[row]) * inverse[row];
  }`,
  parameters: ["array", "array", "array", "array", "array", "array", "array"],
};

const weightGradient: KernelSource = {
  name: "layer-norm-gradient-weight",
  source: `function (x, gradient, mean, inverse, rows) {
    const column = this.thread.x;
    let sum = 0;
    for (let row = 0; row < rows; row++) {
      sum += gradient[row][column] * (x[row][column] - mean[row]) * inverse[row];
    }
    return sum;
  }`,
  parameters: ["array", "array", "array", "array", "integer"],
};

const biasGradient: KernelSource = {
  name: "layer-norm-gradient-bias",
  source: `function (gradient, rows) {
    let sum = 0;
    for (let row = 0; row < rows; row++) { sum += gradient[row][this.thread.x]; }
    return sum;
  }`,
  parameters: ["array", "integer"],
};

const layerNormGradientOperation: Operation<
  LayerNormAttributes,
  [Tensor, Tensor, Tensor],
  [Tensor, Tensor, Tensor]
> = {
  name: "layerNormGradient",
  infer: ([x, weight]) => [
    { dtype: "float32", shape: x.shape },
    { dtype: "float32", shape: weight.shape },
    { dtype: "float32", shape: weight.shape },
  ],
  gpujs: ({ inputs: [x, weight, gradient], outputs, attributes, launch, temporary }) => {
    const [dx, dWeight, dBias] = outputs;
    const { rows, columns } = rowsOf(x.shape);
    if (columns === 0) return;
    if (rows === 0) {
      launch(biasGradient, [asArgument(weight, [columns, 1]), 0], [columns], sliceOf(dWeight));
      launch(biasGradient, [asArgument(weight, [columns, 1]), 0], [columns], sliceOf(dBias));
      return;
    }
    const [mean, inverse] = [temporary([rows]), temporary([rows])];
    const [plain, weighted] = [temporary([rows]), temporary([rows])];
    const matrix = asArgument(x, [columns, rows]);
    const gradients = asArgument(gradient, [columns, rows]);
    const row = [asArgument(mean), asArgument(inverse)];
    launch(rowMean, [matrix, columns], [rows], sliceOf(mean));
    const { epsilon } = attributes;
    launch(
      rowInverseDeviation,
      [matrix, asArgument(mean), columns, epsilon],
      [rows],
      sliceOf(inverse),
    );
    const common = [matrix, gradients, asArgument(weight), ...row];
    launch(gradientMean, [...common, columns, 0], [rows], sliceOf(plain));
    launch(gradientMean, [...common, columns, 1], [rows], sliceOf(weighted));
    launch(
      inputGradient,
      [...common, asArgument(plain), asArgument(weighted)],
      [columns, rows],
      sliceOf(dx),
    );
    launch(weightGradient, [matrix, gradients, ...row, rows], [columns], sliceOf(dWeight));
    launch(biasGradient, [gradients, rows], [columns], sliceOf(dBias));
  },
  gradient: "unsupported",
};

const layerNormOperation: Operation<LayerNormAttributes, [Tensor, Tensor, Tensor], [Tensor]> = {
  name: "layerNorm",
  infer: ([x, weight, bias]) => {
    assertDType("layerNorm", "the operand", x, "float32");
    assertDType("layerNorm", "the weight", weight, "float32");
    assertDType("layerNorm", "the bias", bias, "float32");
    const fits =
      x.rank > 0 &&
      weight.rank === 1 &&
      bias.rank === 1 &&
      weight.size === x.dimension(-1) &&
      bias.size === weight.size;
    const expectation = "use operand [..., N], weight [N], bias [N]";
    assertShapes("layerNorm", fits, expectation, x, weight, bias);
    return [{ dtype: "float32", shape: x.shape }];
  },
  gpujs: ({ inputs: [x, weight, bias], outputs: [output], attributes, launch, temporary }) => {
    if (x.size === 0) return;
    const columns = x.dimension(-1);
    const rows = sizeOf(x.shape.slice(0, -1));
    const [mean, inverse] = [temporary([rows]), temporary([rows])];
    const matrix = asArgument(x, [columns, rows]);
    launch(rowMean, [matrix, columns], [rows], sliceOf(mean));
    launch(
      rowInverseDeviation,
      [matrix, asArgument(mean), columns, attributes.epsilon],
      [rows],
      sliceOf(inverse),
    );
    launch(
      normalize,
      [matrix, asArgument(mean), asArgument(inverse), asArgument(weight), asArgument(bias)],
      [columns, rows],
      sliceOf(output),
    );
  },
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [x, weight], outputGradient, attributes }) =>
      runOperation(layerNormGradientOperation, [x, weight, outputGradient], attributes),
  },
};

/**
 * Layer normalization of the last dimension: `(x - mean) / √(variance + ε) · weight + bias` with
 * the population variance (Ba et al. 2016, arXiv 1607.06450).
 *
 * @param input - float32 `[..., N]`.
 * @returns float32 `[..., N]`.
 */
export function layerNorm(
  input: Tensor,
  { weight, bias, epsilon = 1e-5 }: LayerNormOptions = {},
): Tensor {
  assertShapes("layerNorm", input.rank > 0, "use at least one dimension", input);
  const { device } = input;
  const width = [input.dimension(-1)];
  using scale = weight?.alias() ?? ones(width, { device });
  using shift = bias?.alias() ?? zeros(width, { device });
  return runSingle(layerNormOperation, [input, scale, shift], { epsilon });
}
