import { assign } from "../ops/assign";
import { zeros } from "../ops/creation";
import { reshape } from "../ops/reshape";
import { sumTo } from "../ops/sum-to";
import type { Shape } from "../shape";
import type { Tensor } from "../tensor";
import type { ViewChange } from "./graph";

/** The gradient of a view's source, of shape `source`, from the gradient of the view. */
export function viewGradient(change: ViewChange, gradient: Tensor, source: Shape): Tensor {
  switch (change.kind) {
    case "reshape":
      return reshape(gradient, source);
    case "permute": {
      const inverse = new Array<number>(change.axes.length);
      change.axes.forEach((axis, position) => {
        inverse[axis] = position;
      });
      return gradient.permute(inverse);
    }
    case "broadcast":
      return sumTo(gradient, source);
    case "slice": {
      const { axis, start, step } = change;
      return spread(gradient, source, (whole) =>
        whole.sliceSteps(axis, start, gradient.shape[axis] ?? 0, step),
      );
    }
    case "diagonal":
      return spread(gradient, source, (whole) => whole.diagonal());
    default:
      return change satisfies never;
  }
}

/** Zeros of shape `source` with `gradient` written to the part that was viewed. */
function spread(gradient: Tensor, source: Shape, part: (whole: Tensor) => Tensor): Tensor {
  const whole = zeros(source, { device: gradient.device });
  assign(part(whole), gradient);
  return whole;
}
