import { type Implementation, rowsOf } from "../ops/operation";
import type { AdamStep } from "../optimizers/adam-step";
import { addressOf } from "./address";
import { areContiguous, operand } from "./operands";
import type { PointerKernel, RowKernels } from "./row-kernels";

/** Kernels of rows: normalizations, their gradients, and the step of Adam. */
export function rowImplementations(
  kernels: RowKernels,
): readonly (readonly [string, Implementation])[] {
  return [
    ["argmin", rowWise(kernels.argmin)],
    ["logSoftmax", rowWise(kernels.logSoftmax)],
    ["softmaxGradient", rowWise(kernels.softmaxGradient)],
    ["logSoftmaxGradient", rowWise(kernels.logSoftmaxGradient)],
    ["layerNorm", layerNorm(kernels.layerNorm)],
    ["layerNormGradient", layerNorm(kernels.layerNormGradient)],
    ["adamStep", adamStep(kernels)],
  ];
}

/** A kernel of the operands, the results, rows and columns. */
function rowWise(kernel: PointerKernel): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs) => {
      const { rows, columns } = rowsOf(operand(inputs, 0).shape);
      kernel(...[...inputs, ...outputs].map(addressOf), rows, columns);
    },
  };
}

/** As {@link rowWise}, with the epsilon. */
function layerNorm(kernel: PointerKernel): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs, attributes) => {
      const { rows, columns } = rowsOf(operand(inputs, 0).shape);
      const { epsilon } = attributes as { epsilon: number };
      kernel(...[...inputs, ...outputs].map(addressOf), rows, columns, epsilon);
    },
  };
}

function adamStep(kernels: RowKernels): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs, attributes) => {
      const { beta1, beta2, epsilon, stepSize, secondScale, gradientDecay, shrink } =
        attributes as AdamStep;
      kernels.adamStep(
        ...[...inputs, ...outputs].map(addressOf),
        operand(inputs, 0).size,
        beta1,
        beta2,
        epsilon,
        stepSize,
        secondScale,
        gradientDecay,
        shrink,
      );
    },
  };
}
