import type { KernelSource } from "../gpujs/kernel-source";
import { resolveAxis } from "../shape";
import type { Tensor } from "../tensor";
import { assertDType, assertShapes } from "./checks";
import { logSource } from "./exponential";
import { forEachRowBlock } from "./launch-flat";
import { type Operation, partOf, rowsOf, runSingle } from "./operation";
import { moveFromLast, moveToLast } from "./reshape";

const rowMaximum: KernelSource = {
  name: "softmax-row-maximum",
  source: `function (x, columns) {
    let maximum = x[this.thread.x][0];
    for (let column = 1; column < columns; column++) {
      const value = x[this.thread.x][column];
      if (value > maximum || value !== value) { maximum = value; }
    }
    return maximum;
  }`,
  parameters: ["array", "integer"],
};

const rowSum: KernelSource = {
  name: "softmax-row-sum",
  source: `function (x, maximum, columns) {
    let sum = 0;
    for (let column = 0; column < columns; column++) {
      sum += Math.exp(x[this.thread.x][column] - maximum[this.thread.x]);
    }
    return sum;
  }`,
  parameters: ["array", "array", "integer"],
};

const normalize: KernelSource = {
  name: "softmax-normalize",
  source: `function (x, maximum, sum) {
    const row = this.thread.y;
    return Math.exp(x[row][this.thread.x] - maximum[row]) / sum[row];
  }`,
  parameters: ["array", "array", "array"],
};

const normalizeLog: KernelSource = {
  name: "log-softmax-normalize",
  source: `function (x, maximum, sum) {
    const row = this.thread.y;
    const total = sum[row];
    ${logSource("logarithm", "total")}
    return x[row][this.thread.x] - maximum[row] - logarithm;
  }`,
  parameters: ["array", "array", "array"],
};

const gradientSum: KernelSource = {
  name: "softmax-gradient-sum",
  source: `function (y, gradient, columns) {
    let sum = 0;
    for (let column = 0; column < columns; column++) {
      sum += y[this.thread.x][column] * gradient[this.thread.x][column];
    }
    return sum;
  }`,
  parameters: ["array", "array", "integer"],
};

const applyGradient: KernelSource = {
  name: "softmax-gradient-apply",
  source: `function (y, gradient, sum) {
    const row = this.thread.y;
    return y[row][this.thread.x] * (gradient[row][this.thread.x] - sum[row]);
  }`,
  parameters: ["array", "array", "array"],
};

const logGradientSum: KernelSource = {
  name: "log-softmax-gradient-sum",
  source: `function (gradient, columns) {
    let sum = 0;
    for (let column = 0; column < columns; column++) {
      sum += gradient[this.thread.x][column];
    }
    return sum;
  }`,
  parameters: ["array", "integer"],
};

const applyLogGradient: KernelSource = {
  name: "log-softmax-gradient-apply",
  source: `function (y, gradient, sum) {
    const row = this.thread.y;
    return gradient[row][this.thread.x] - Math.exp(y[row][this.thread.x]) * sum[row];
  }`,
  parameters: ["array", "array", "array"],
};

type RowGradient = Operation<undefined, [Tensor, Tensor], [Tensor]>;

/** Both normalizations: they differ in the last step. */
function rowNormalization(
  name: string,
  lastStep: KernelSource,
  gradient: RowGradient,
): Operation<undefined, [Tensor], [Tensor]> {
  return {
    name,
    infer: ([input]) => {
      assertDType(name, "the operand", input, "float32");
      return [{ dtype: "float32", shape: input.shape }];
    },
    gpujs: ({ inputs: [input], outputs: [output], launch, temporary }) => {
      if (input.size === 0) return;
      const { rows, columns } = rowsOf(input.shape);
      const maximum = temporary([rows]);
      const sum = temporary([rows]);
      forEachRowBlock(rows, columns, (start, count) => {
        const x = {
          slice: partOf(input, start * columns, count * columns),
          sizes: [columns, count],
        };
        const maximumPart = partOf(maximum, start, count);
        const sumPart = partOf(sum, start, count);
        const maximumRows = { slice: maximumPart, sizes: [count] };
        launch(rowMaximum, [x, columns], [count], maximumPart);
        launch(rowSum, [x, maximumRows, columns], [count], sumPart);
        const target = partOf(output, start * columns, count * columns);
        const sumRows = { slice: sumPart, sizes: [count] };
        launch(lastStep, [x, maximumRows, sumRows], [columns, count], target);
      });
    },
    gradient: {
      saves: "outputs",
      compute: ({ outputs: [y], outputGradient }) => [
        runSingle(gradient, [y, outputGradient], undefined),
      ],
    },
  };
}

/** The gradient of a row from its result and the result's gradient, through one sum per row. */
function rowGradient(
  name: string,
  sumStep: KernelSource,
  applyStep: KernelSource,
  readsResult: boolean,
): RowGradient {
  return {
    name,
    infer: ([y]) => [{ dtype: "float32", shape: y.shape }],
    gpujs: (context) => {
      const [y, gradient] = context.inputs;
      const [output] = context.outputs;
      if (y.size === 0) return;
      const { rows, columns } = rowsOf(y.shape);
      const sum = context.temporary([rows]);
      forEachRowBlock(rows, columns, (start, count) => {
        const part = (tensor: Tensor) => ({
          slice: partOf(tensor, start * columns, count * columns),
          sizes: [columns, count],
        });
        const sumPart = partOf(sum, start, count);
        const sumArguments = readsResult ? [part(y), part(gradient)] : [part(gradient)];
        context.launch(sumStep, [...sumArguments, columns], [count], sumPart);
        context.launch(
          applyStep,
          [part(y), part(gradient), { slice: sumPart, sizes: [count] }],
          [columns, count],
          partOf(output, start * columns, count * columns),
        );
      });
    },
    gradient: "unsupported",
  };
}

const softmaxOperation = /* @__PURE__ */ rowNormalization(
  "softmax",
  normalize,
  /* @__PURE__ */ rowGradient("softmaxGradient", gradientSum, applyGradient, true),
);

const logSoftmaxOperation = /* @__PURE__ */ rowNormalization(
  "logSoftmax",
  normalizeLog,
  /* @__PURE__ */ rowGradient("logSoftmaxGradient", logGradientSum, applyLogGradient, false),
);

/** Settings of {@link softmax} and {@link logSoftmax}. */
export interface SoftmaxOptions {
  /** The dimension that is normalized. Default -1. */
  readonly axis?: number;
}

function alongAxis(
  operation: Operation<undefined, [Tensor], [Tensor]>,
  input: Tensor,
  axis: number,
): Tensor {
  assertShapes(operation.name, input.rank > 0, "use at least one dimension", input);
  const resolved = resolveAxis(operation.name, axis, input.rank);
  if (resolved === input.rank - 1) return runSingle(operation, [input], undefined);
  using arranged = moveToLast(input, resolved);
  using normalized = runSingle(operation, [arranged], undefined);
  return moveFromLast(normalized, resolved);
}

/**
 * `exp(x) / Σ exp(x)` over one dimension, with its maximum subtracted first so that large values do
 * not overflow. A row of `-Infinity` alone gives NaN, as in PyTorch.
 *
 * @param input - float32 `[..., N]`.
 * @returns float32 of the same shape; each row sums to 1.
 */
export function softmax(input: Tensor, { axis = -1 }: SoftmaxOptions = {}): Tensor {
  return alongAxis(softmaxOperation, input, axis);
}

/** `ln softmax(x)` over one dimension, without losing small probabilities; see {@link softmax}. */
export function logSoftmax(input: Tensor, { axis = -1 }: SoftmaxOptions = {}): Tensor {
  return alongAxis(logSoftmaxOperation, input, axis);
}
