import type { Shape } from "../shape";
import type { Tensor } from "../tensor";
import { sum } from "./reductions";
import { reshape } from "./reshape";

/** Sums `gradient` over the dimensions along which `shape` was repeated. */
export function sumTo(gradient: Tensor, shape: Shape): Tensor {
  const added = gradient.rank - shape.length;
  const repeated = gradient.shape.flatMap((size, axis) => {
    const own = axis < added ? undefined : shape[axis - added];
    return own === undefined || (own === 1 && size !== 1) ? [axis] : [];
  });
  if (repeated.length === 0) return reshape(gradient, shape);
  return reshape(sum(gradient, { axis: repeated }), shape);
}
