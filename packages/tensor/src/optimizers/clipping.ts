import { noGrad } from "../autograd/recording";
import { OutOfRangeError } from "../errors";
import { tidy } from "../lifetime";
import { add, div, minimum, mul } from "../ops/binary";
import { sum } from "../ops/reductions";
import { clip, sqrt, square } from "../ops/unary";
import type { Tensor } from "../tensor";
import type { Parameters } from "./optimizer";

/** Gradients after clipping, and how large they were before. Dispose them all. */
export interface ClippedGradients {
  readonly gradients: Parameters;
  /** Euclidean norm of all gradients together, before clipping: a scalar. */
  readonly norm: Tensor;
}

/**
 * Scales all gradients together so that their common Euclidean norm is at most `maximum`
 * (Pascanu et al. 2012, arXiv 1211.5063, algorithm 1; with PyTorch's 1e-6 in the divisor).
 *
 * @throws {OutOfRangeError} unless `maximum` is a finite number above 0 and there is a gradient.
 */
export function clipByGlobalNorm(gradients: Parameters, maximum: number): ClippedGradients {
  if (!(maximum > 0 && Number.isFinite(maximum))) {
    throw new OutOfRangeError(`clipByGlobalNorm: ${maximum} is not a finite number above 0`, {
      maximum,
    });
  }
  if (Object.keys(gradients).length === 0) {
    throw new OutOfRangeError("clipByGlobalNorm: no gradient given; pass one at least");
  }
  return noGrad(() =>
    tidy(() => {
      const squares = Object.values(gradients).map((gradient) => sum(square(gradient)));
      const norm = sqrt(squares.reduce((total, one) => add(total, one)));
      const factor = minimum(div(maximum, add(norm, 1e-6)), 1);
      const clipped = Object.entries(gradients).map(([name, one]) => [name, mul(one, factor)]);
      return { norm, gradients: Object.fromEntries(clipped) as Parameters };
    }),
  );
}

/**
 * Limits every element of every gradient to `-maximum` … `maximum`.
 *
 * @throws {OutOfRangeError} unless `maximum` is a finite number of 0 or more.
 */
export function clipByValue(gradients: Parameters, maximum: number): Parameters {
  return noGrad(() =>
    tidy(() => {
      const clipped = Object.entries(gradients).map(([name, one]) => [
        name,
        clip(one, -maximum, maximum),
      ]);
      return Object.fromEntries(clipped) as Parameters;
    }),
  );
}
