import { OutOfRangeError } from "../errors";
import type { Tensor } from "../tensor";
import { adamStep } from "./adam-step";
import { type LearningRate, Optimizer, type Parameters } from "./optimizer";

/** Settings of {@link Adam}, {@link AdamW} and {@link RAdam}. */
export interface AdamOptions {
  /** Default 1e-3. */
  readonly learningRate?: LearningRate;
  /** Share of the first and the second moment that is kept in each step. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second moment. Default 1e-8. */
  readonly epsilon?: number;
  /** Adam and RAdam: multiple of the parameter added to the gradient. AdamW: decay per rate. */
  readonly weightDecay?: number;
}

/** Factors of one step in which the variants of Adam differ. */
export interface StepScale {
  readonly stepSize: number;
  readonly secondScale: number;
}

function assertBetas(betas: readonly [number, number]): void {
  if (betas.every((beta) => beta >= 0 && beta < 1)) return;
  throw new OutOfRangeError(`optimizer: betas ${betas.join(", ")} must be from 0 to below 1`, {
    betas,
  });
}

abstract class AdamFamily extends Optimizer {
  protected readonly betas: readonly [number, number];
  protected readonly epsilon: number;
  protected readonly weightDecay: number;

  constructor(parameters: Parameters, options: AdamOptions, defaultDecay: number) {
    const { learningRate = 1e-3, betas = [0.9, 0.999], epsilon = 1e-8 } = options;
    const { weightDecay = defaultDecay } = options;
    // Before any memory is taken.
    assertBetas(betas);
    super(parameters, learningRate, ["first", "second"]);
    this.betas = betas;
    this.epsilon = epsilon;
    this.weightDecay = weightDecay;
  }

  protected override update(
    name: string,
    parameter: Tensor,
    gradient: Tensor,
    learningRate: number,
  ): void {
    const [beta1, beta2] = this.betas;
    const { isDecoupled } = this;
    adamStep([parameter, gradient, this.slot("first", name), this.slot("second", name)], {
      beta1,
      beta2,
      epsilon: this.epsilon,
      gradientDecay: isDecoupled ? 0 : this.weightDecay,
      shrink: isDecoupled ? 1 - learningRate * this.weightDecay : 1,
      ...this.scale(learningRate),
    });
  }

  /** Whether weight decay acts on the parameter instead of the gradient. */
  protected get isDecoupled(): boolean {
    return false;
  }

  /** Bias corrections of the moments. */
  protected scale(learningRate: number): StepScale {
    const [beta1, beta2] = this.betas;
    return {
      stepSize: learningRate / (1 - beta1 ** this.stepCount),
      secondScale: 1 / Math.sqrt(1 - beta2 ** this.stepCount),
    };
  }
}

/** Adam (Kingma and Ba 2014, arXiv 1412.6980, algorithm 1), by PyTorch's update rule. */
export class Adam extends AdamFamily {
  constructor(parameters: Parameters, options: AdamOptions = {}) {
    super(parameters, options, 0);
  }
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv 1711.05101). Default 0.01. */
export class AdamW extends AdamFamily {
  constructor(parameters: Parameters, options: AdamOptions = {}) {
    super(parameters, options, 0.01);
  }

  protected override get isDecoupled(): boolean {
    return true;
  }
}

/** Rectified Adam (Liu et al. 2019, arXiv 1908.03265, algorithm 2), by PyTorch's update rule. */
export class RAdam extends AdamFamily {
  constructor(parameters: Parameters, options: AdamOptions = {}) {
    super(parameters, options, 0);
  }

  /** Until the second moment's variance is tractable (ρ above 5), steps follow the first alone. */
  protected override scale(learningRate: number): StepScale {
    const [beta1, beta2] = this.betas;
    const t = this.stepCount;
    const limit = 2 / (1 - beta2) - 1;
    const rho = limit - (2 * t * beta2 ** t) / (1 - beta2 ** t);
    const corrected = learningRate / (1 - beta1 ** t);
    if (rho <= 5) return { stepSize: corrected, secondScale: 0 };
    const rectification = Math.sqrt(
      ((rho - 4) * (rho - 2) * limit) / ((limit - 4) * (limit - 2) * rho),
    );
    // PyTorch adds epsilon to the uncorrected root: √(1 - β₂ᵗ) goes to the step.
    return {
      stepSize: corrected * rectification * Math.sqrt(1 - beta2 ** t),
      secondScale: 1,
    };
  }
}
