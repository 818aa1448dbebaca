import { assign } from "../ops/assign";
import { add, mul, sub } from "../ops/binary";
import type { Tensor } from "../tensor";
import { type LearningRate, Optimizer, type Parameters } from "./optimizer";

/** Settings of {@link SGD}. */
export interface SGDOptions {
  readonly learningRate: LearningRate;
  /** Share of the previous step that is kept. Default 0. */
  readonly momentum?: number;
  /** Share of the gradient that does not enter the momentum. Default 0. */
  readonly dampening?: number;
  /** Looks ahead along the momentum (Sutskever et al. 2013). Default false. */
  readonly nesterov?: boolean;
  /** Multiple of the parameter that is added to the gradient. Default 0. */
  readonly weightDecay?: number;
}

/** Stochastic gradient descent, by PyTorch's update rule. */
export class SGD extends Optimizer {
  readonly #options: Required<Omit<SGDOptions, "learningRate">>;

  constructor(parameters: Parameters, options: SGDOptions) {
    const {
      learningRate,
      momentum = 0,
      dampening = 0,
      nesterov = false,
      weightDecay = 0,
    } = options;
    super(parameters, learningRate, momentum === 0 ? [] : ["momentum"]);
    this.#options = { momentum, dampening, nesterov, weightDecay };
  }

  protected override update(
    name: string,
    parameter: Tensor,
    gradient: Tensor,
    learningRate: number,
  ): void {
    const { momentum, dampening, nesterov, weightDecay } = this.#options;
    const decayed = weightDecay === 0 ? gradient : add(gradient, mul(parameter, weightDecay));
    let direction = decayed;
    if (momentum !== 0) {
      const velocity = this.slot("momentum", name);
      // The first step starts from the whole gradient, without dampening.
      const share = this.stepCount === 1 ? 1 : 1 - dampening;
      assign(velocity, add(mul(velocity, momentum), mul(decayed, share)));
      direction = nesterov ? add(decayed, mul(velocity, momentum)) : velocity;
    }
    assign(parameter, sub(parameter, mul(direction, learningRate)));
  }
}
