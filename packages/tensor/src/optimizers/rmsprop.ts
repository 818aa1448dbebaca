import { assign } from "../ops/assign";
import { add, div, mul, sub } from "../ops/binary";
import { sqrt, square } from "../ops/unary";
import type { Tensor } from "../tensor";
import { type LearningRate, Optimizer, type Parameters } from "./optimizer";

/** Settings of {@link RMSProp}. */
export interface RMSPropOptions {
  readonly learningRate: LearningRate;
  /** Share of the mean square that is kept in each step. Default 0.99. */
  readonly alpha?: number;
  /** Added to the root. Default 1e-8. */
  readonly epsilon?: number;
  /** Share of the previous step that is kept. Default 0. */
  readonly momentum?: number;
  /** Divides by the standard deviation instead of the root mean square. Default false. */
  readonly centered?: boolean;
  /** Multiple of the parameter that is added to the gradient. Default 0. */
  readonly weightDecay?: number;
}

/** RMSProp (Hinton 2012), by PyTorch's update rule. */
export class RMSProp extends Optimizer {
  readonly #options: Required<Omit<RMSPropOptions, "learningRate">>;

  constructor(parameters: Parameters, options: RMSPropOptions) {
    const { learningRate, alpha = 0.99, epsilon = 1e-8 } = options;
    const { momentum = 0, centered = false, weightDecay = 0 } = options;
    super(parameters, learningRate, [
      "meanSquare",
      ...(centered ? ["mean"] : []),
      ...(momentum === 0 ? [] : ["momentum"]),
    ]);
    this.#options = { alpha, epsilon, momentum, centered, weightDecay };
  }

  protected override update(
    name: string,
    parameter: Tensor,
    gradient: Tensor,
    learningRate: number,
  ): void {
    const { alpha, epsilon, momentum, centered, weightDecay } = this.#options;
    const decayed = weightDecay === 0 ? gradient : add(gradient, mul(parameter, weightDecay));
    const meanSquare = this.slot("meanSquare", name);
    assign(meanSquare, add(mul(meanSquare, alpha), mul(square(decayed), 1 - alpha)));
    let spread = meanSquare;
    if (centered) {
      const mean = this.slot("mean", name);
      assign(mean, add(mul(mean, alpha), mul(decayed, 1 - alpha)));
      spread = sub(meanSquare, square(mean));
    }
    let direction = div(decayed, add(sqrt(spread), epsilon));
    if (momentum !== 0) {
      const velocity = this.slot("momentum", name);
      assign(velocity, add(mul(velocity, momentum), direction));
      direction = velocity;
    }
    assign(parameter, sub(parameter, mul(direction, learningRate)));
  }
}
