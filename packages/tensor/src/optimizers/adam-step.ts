import type { KernelSource } from "../gpujs/kernel-source";
import { launchFlat } from "../ops/launch-flat";
import { type Operation, runInto } from "../ops/operation";
import type { Tensor } from "../tensor";

/** The numbers of one step of Adam and its relatives. */
export interface AdamStep {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** What the first moment is multiplied with: the rate and the bias correction. */
  readonly stepSize: number;
  /** What the root of the second moment is multiplied with; 0 leaves the moment out (RAdam). */
  readonly secondScale: number;
  /** Multiple of the parameter that is added to the gradient. */
  readonly gradientDecay: number;
  /** What the parameter is multiplied with first (decoupled weight decay). */
  readonly shrink: number;
}

const order = [
  "beta1",
  "beta2",
  "epsilon",
  "stepSize",
  "secondScale",
  "gradientDecay",
  "shrink",
] as const satisfies readonly (keyof AdamStep)[];

function stepKernel(name: string, result: string): KernelSource {
  return {
    name,
    source: `function (parameters, gradients, firsts, seconds, ${order.join(", ")}) {
      const p = parameters[this.thread.x];
      const g = gradients[this.thread.x] + gradientDecay * p;
      const first = beta1 * firsts[this.thread.x] + (1 - beta1) * g;
      const second = beta2 * seconds[this.thread.x] + (1 - beta2) * g * g;
      return ${result};
    }`,
    parameters: ["array", "array", "array", "array", ...order.map(() => "float" as const)],
  };
}

const nextFirst = stepKernel("adam-first", "first");
const nextSecond = stepKernel("adam-second", "second");
const nextParameter: KernelSource = {
  ...stepKernel("adam-parameter", "0"),
  source: stepKernel("", "").source.replace(
    "return ;",
    `let divisor = 1;
      if (secondScale > 0) { divisor = Math.sqrt(second) * secondScale + epsilon; }
      return p * shrink - stepSize * first / divisor;`,
  ),
};

type StepTensors = [parameter: Tensor, gradient: Tensor, first: Tensor, second: Tensor];

/** One step for one parameter: parameter, gradient and moments in, parameter and moments out. */
const adamStepOperation: Operation<AdamStep, StepTensors, [Tensor, Tensor, Tensor]> = {
  name: "adamStep",
  infer: ([{ shape }]) => [
    { dtype: "float32", shape },
    { dtype: "float32", shape },
    { dtype: "float32", shape },
  ],
  gpujs: ({ inputs, outputs: [parameter, first, second], attributes, launch, temporary }) => {
    const numbers = order.map((name) => attributes[name]);
    // The results replace the operands, so that all three are computed before one is written.
    const sources = [nextParameter, nextFirst, nextSecond];
    const results = sources.map((source) => {
      const result = temporary(parameter.shape);
      launchFlat({ inputs, outputs: [result], launch }, source, numbers);
      return result;
    });
    [parameter, first, second].forEach((target, index) => {
      const result = results[index];
      if (result !== undefined) launchFlat({ inputs: [result], outputs: [target], launch }, copy);
    });
  },
  gradient: "unsupported",
};

const copy: KernelSource = {
  name: "adam-copy",
  source: "function (x) { return x[this.thread.x]; }",
  parameters: ["array"],
};

/** Updates a parameter and its moments in place. */
export function adamStep(
  [parameter, gradient, first, second]: StepTensors,
  numbers: AdamStep,
): void {
  runInto(adamStepOperation, [parameter, gradient, first, second], numbers, [
    parameter,
    first,
    second,
  ]);
}
