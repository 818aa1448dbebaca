import { commonDevice } from "../device/device";
import type { DType } from "../dtype";
import { DTypeError } from "../errors";
import type { KernelSource } from "../gpujs/kernel-source";
import { broadcastShapes } from "../shape";
import type { Tensor } from "../tensor";
import { type Borrowed, borrow, borrowAs, borrowBroadcast, own } from "./borrowed";
import { tensor } from "./creation";
import { launchFlat } from "./launch-flat";
import { type Gradient, type Operation, runSingle } from "./operation";
import { numberDType, promotedDType } from "./promotion";

/** An operand of a binary operation: a tensor, or a number that stands for one. */
export type Operand = Tensor | number;

type BinaryInputs = [Tensor, Tensor];

/** A binary operation in gpu.js source over the elements `x` and `y`. */
interface BinaryDefinition {
  readonly name: string;
  /** Statements that end with `return`. */
  readonly value: string;
  /**
   * What comes out: `promoted` the common dtype (of which `bool` counts as int32), `float`
   * float32 always, `bool` a truth value.
   */
  readonly result: "promoted" | "float" | "bool";
  readonly gradient: Gradient<undefined, BinaryInputs, [Tensor]> | "none";
}

/** Makes the function that runs a binary operation with broadcasting and promotion. */
export function binaryFunction(
  definition: BinaryDefinition,
): (left: Operand, right: Operand) => Tensor {
  const operation = binaryOperation(definition);
  return (left, right) => {
    const tensors = [left, right].filter((operand) => typeof operand !== "number");
    if (tensors.length > 0) commonDevice(definition.name, tensors);
    using first = asTensor(definition.name, left, right);
    using second = asTensor(definition.name, right, left);
    const shape = broadcastShapes(definition.name, first.tensor.shape, second.tensor.shape);
    const dtype = computeDType(definition, first.tensor, second.tensor);
    using leftCast = borrowAs(first.tensor, dtype);
    using rightCast = borrowAs(second.tensor, dtype);
    using leftView = borrowBroadcast(leftCast.tensor, shape);
    using rightView = borrowBroadcast(rightCast.tensor, shape);
    return runSingle(operation, [leftView.tensor, rightView.tensor], undefined);
  };
}

function computeDType({ name, result }: BinaryDefinition, left: Tensor, right: Tensor): DType {
  const common = promotedDType(name, left.dtype, right.dtype);
  if (result === "float") return "float32";
  return result === "promoted" && common === "bool" ? "int32" : common;
}

/** The operand as a tensor; a number takes the other operand's device. */
function asTensor(operation: string, operand: Operand, other: Operand): Borrowed {
  if (typeof operand !== "number") return borrow(operand);
  if (typeof other === "number") {
    throw new DTypeError(`${operation}: both operands are numbers; pass at least one tensor`, {
      operation,
    });
  }
  const dtype = numberDType(operand, other);
  return own(tensor([operand], [], { device: other.device, dtype }));
}

function binaryOperation({
  name,
  value,
  result,
  gradient,
}: BinaryDefinition): Operation<undefined, BinaryInputs, [Tensor]> {
  const source: KernelSource = {
    name,
    source: `function (left, right) {
      const x = left[this.thread.x];
      const y = right[this.thread.x];
      ${value}
    }`,
    parameters: ["array", "array"],
  };
  return {
    name,
    infer: ([left]) => [{ dtype: result === "bool" ? "bool" : left.dtype, shape: left.shape }],
    gpujs: (context) => launchFlat(context, source),
    gradient,
  };
}
