import { gradientOf } from "../autograd/leaf";
import { noGrad } from "../autograd/recording";
import { AutogradError, DTypeError, OutOfRangeError, ShapeError } from "../errors";
import { keep, tidy } from "../lifetime";
import { assign } from "../ops/assign";
import { clone } from "../ops/contiguous";
import { zeros } from "../ops/creation";
import { formatShape, sameShape } from "../shape";
import type { Tensor } from "../tensor";

/** Parameters by name. */
export type Parameters = Readonly<Record<string, Tensor>>;

/** A rate that stays, or one that depends on the step (from 0 on). */
export type LearningRate = number | ((step: number) => number);

/** Everything that an optimizer remembers, to resume training exactly. */
export interface OptimizerState {
  readonly step: number;
  /** Copies of the tensors, named `slot.parameter`. */
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/**
 * Updates parameters in place from their gradients.
 *
 * The tensors that it remembers are its own: dispose the optimizer at the end. Parameters are never
 * disposed.
 */
export abstract class Optimizer implements Disposable {
  readonly parameters: Parameters;
  readonly #learningRate: LearningRate;
  readonly #slots: ReadonlyMap<string, Tensor>;
  #step = 0;

  /** @param slots - Names of the tensors remembered for each parameter. */
  protected constructor(
    parameters: Parameters,
    learningRate: LearningRate,
    slots: readonly string[],
  ) {
    if (typeof learningRate === "number" && !(learningRate >= 0)) {
      throw new OutOfRangeError(`optimizer: learningRate ${learningRate} is below 0`, {
        learningRate,
      });
    }
    for (const [name, { dtype }] of Object.entries(parameters)) {
      if (dtype === "float32") continue;
      throw new DTypeError(`optimizer: parameter ${name} is ${dtype}; it must be float32`, {
        name,
        dtype,
      });
    }
    this.parameters = parameters;
    this.#learningRate = learningRate;
    this.#slots = new Map(
      slots.flatMap((slot) =>
        Object.entries(parameters).map(([name, { shape, device }]): [string, Tensor] => [
          `${slot}.${name}`,
          keep(zeros(shape, { device })),
        ]),
      ),
    );
  }

  /** Steps done so far. */
  get stepCount(): number {
    return this.#step;
  }

  /** The rate of the next step. */
  get learningRate(): number {
    return typeof this.#learningRate === "number"
      ? this.#learningRate
      : this.#learningRate(this.#step);
  }

  /**
   * Updates every parameter once.
   *
   * @param gradients - By the names of the parameters. Default: what {@link backward} collected.
   * @throws {AutogradError} when a parameter has no gradient. @throws {ShapeError} when one has
   * another shape. Nothing is updated then.
   */
  step(gradients?: Parameters): void {
    const pairs = Object.entries(this.parameters).map(([name, parameter]) => ({
      name,
      parameter,
      gradient: this.#gradientOf(name, parameter, gradients),
    }));
    const rate = this.learningRate;
    this.#step++;
    noGrad(() => {
      for (const { name, parameter, gradient } of pairs) {
        tidy(() => this.update(name, parameter, gradient, rate));
      }
    });
  }

  /** Copies of everything that is remembered. Dispose the tensors. */
  state(): OptimizerState {
    const tensors = [...this.#slots].map(([name, tensor]) => [name, clone(tensor)] as const);
    return { step: this.#step, tensors: Object.fromEntries(tensors) };
  }

  /** Continues from {@link state}. @throws {ShapeError} when it is not of these parameters. */
  restore({ step, tensors }: OptimizerState): void {
    for (const [name, slot] of this.#slots) {
      const saved = tensors[name];
      if (saved !== undefined && sameShape(saved.shape, slot.shape)) continue;
      throw new ShapeError(
        `optimizer: the state has no ${name} of shape ${formatShape(slot.shape)}; restore it to the parameters that it was taken of`,
        { name, expected: slot.shape, given: saved?.shape },
      );
    }
    for (const [name, slot] of this.#slots) {
      const saved = tensors[name];
      if (saved !== undefined) assign(slot, saved);
    }
    this.#step = step;
  }

  /** Frees what the optimizer remembers; the parameters stay. */
  dispose(): void {
    for (const slot of this.#slots.values()) slot.dispose();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Updates one parameter. Runs in a scope, without recording. */
  protected abstract update(
    name: string,
    parameter: Tensor,
    gradient: Tensor,
    learningRate: number,
  ): void;

  /** What is remembered for a parameter under `slot`. */
  protected slot(slot: string, name: string): Tensor {
    const tensor = this.#slots.get(`${slot}.${name}`);
    if (tensor === undefined) {
      throw new ShapeError(`optimizer: no slot ${slot} of ${name}`, { slot, name });
    }
    return tensor;
  }

  #gradientOf(name: string, parameter: Tensor, gradients: Parameters | undefined): Tensor {
    const gradient = gradients === undefined ? gradientOf(parameter) : gradients[name];
    if (gradient === undefined) {
      throw new AutogradError(
        `optimizer: parameter ${name} has no gradient; run backward first, or pass one for each parameter`,
        { name },
      );
    }
    if (!sameShape(gradient.shape, parameter.shape)) {
      throw new ShapeError(
        `optimizer: the gradient of ${name} is ${formatShape(gradient.shape)}, the parameter ${formatShape(parameter.shape)}`,
        { name, gradient: gradient.shape, parameter: parameter.shape },
      );
    }
    return gradient;
  }
}
