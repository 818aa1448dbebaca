import { commonDevice } from "../device/device";
import type { KernelSource } from "../gpujs/kernel-source";
import type { Tensor } from "../tensor";
import { borrowAs } from "./borrowed";
import { launchFlat } from "./launch-flat";
import { type Operation, runSingle } from "./operation";
import { promotedDType } from "./promotion";

/** A unary operation in gpu.js source. `x` is the element, `y` the result, `a` … the parameters. */
export interface UnaryDefinition {
  readonly name: string;
  /** Statements that end with `return`. */
  readonly value: string;
  /**
   * Statements that return dy/dx, and which of `x` and `y` they read. `zero` where the function is
   * flat almost everywhere.
   */
  readonly derivative: { readonly reads: "x" | "y"; readonly value: string } | "zero";
  /** Names of the numbers that the statements use. */
  readonly parameters?: readonly string[];
  /** Whether integers stay integers; else they become float32. */
  readonly keepsIntegers?: boolean;
}

/** Numbers by which a unary operation is set, in the order of its parameters. */
type Numbers = readonly number[];

/** Makes the function that runs a unary operation. */
export function unaryFunction(
  definition: UnaryDefinition,
): (input: Tensor, ...numbers: number[]) => Tensor {
  const operation = unaryOperation(definition);
  const { keepsIntegers = false } = definition;
  return (input, ...numbers) => {
    commonDevice(definition.name, [input]);
    const dtype = promotedDType(definition.name, input.dtype);
    using operand = borrowAs(input, dtype === "int32" && keepsIntegers ? "int32" : "float32");
    return runSingle(operation, [operand.tensor], numbers);
  };
}

function unaryOperation(definition: UnaryDefinition): Operation<Numbers, [Tensor], [Tensor]> {
  const { name, derivative, value, parameters = [] } = definition;
  const source: KernelSource = {
    name,
    source: `function (${["operand", ...parameters].join(", ")}) {
      const x = operand[this.thread.x];
      ${value}
    }`,
    parameters: ["array", ...parameters.map(() => "float" as const)],
  };
  const gradient = derivative === "zero" ? undefined : gradientOperation(definition, derivative);
  return {
    name,
    infer: ([input]) => [{ dtype: input.dtype, shape: input.shape }],
    gpujs: (context) => launchFlat(context, source, context.attributes),
    gradient:
      gradient === undefined || derivative === "zero"
        ? // Recorded all the same, so that a function of nothing else has a gradient: 0.
          { saves: "neither", compute: () => [undefined] }
        : {
            saves: derivative.reads === "x" ? "inputs" : "outputs",
            compute: ({ inputs: [x], outputs: [y], outputGradient, attributes }) => [
              runSingle(gradient, [derivative.reads === "x" ? x : y, outputGradient], attributes),
            ],
          },
  };
}

/** dL/dx from the saved element and dL/dy. */
function gradientOperation(
  { name, parameters = [] }: UnaryDefinition,
  { reads, value }: { readonly reads: "x" | "y"; readonly value: string },
): Operation<Numbers, [Tensor, Tensor], [Tensor]> {
  const source: KernelSource = {
    name: `${name}Gradient`,
    source: `function (saved, gradient${parameters.map((one) => `, ${one}`).join("")}) {
      const ${reads} = saved[this.thread.x];
      const g = gradient[this.thread.x];
      ${value}
    }`,
    parameters: ["array", "array", ...parameters.map(() => "float" as const)],
  };
  return {
    name: `${name}Gradient`,
    infer: ([saved]) => [{ dtype: "float32", shape: saved.shape }],
    gpujs: (context) => launchFlat(context, source, context.attributes),
    gradient: "unsupported",
  };
}
