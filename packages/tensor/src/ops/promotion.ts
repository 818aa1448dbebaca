import type { DType } from "../dtype";
import { DTypeError } from "../errors";
import type { Tensor } from "../tensor";

/**
 * The dtype in which operands compute together: `bool` < `int32` < `float32`. The storage types
 * `float16` and `bfloat16` compute as float32.
 *
 * @throws {DTypeError} for packed dtypes, which only `linear` and `embedding` read.
 */
export function promotedDType(operation: string, ...dtypes: readonly DType[]): ComputeDType {
  let result: ComputeDType = "bool";
  for (const dtype of dtypes) {
    const compute = computeDType(operation, dtype);
    if (compute === "float32" || (compute === "int32" && result === "bool")) result = compute;
  }
  return result;
}

/** The dtypes that operations compute with. */
export type ComputeDType = "float32" | "int32" | "bool";

function computeDType(operation: string, dtype: DType): ComputeDType {
  switch (dtype) {
    case "float32":
    case "int32":
    case "bool":
      return dtype;
    case "float16":
    case "bfloat16":
      return "float32";
    default:
      throw new DTypeError(
        `${operation}: a ${dtype} tensor is packed; use it through linear or embedding`,
        { operation, dtype },
      );
  }
}

/** The dtype of a bare number beside `tensor`: it never widens an integer tensor without need. */
export function numberDType(value: number, tensor: Tensor): DType {
  if (tensor.dtype === "int32" || tensor.dtype === "bool") {
    return Number.isInteger(value) ? "int32" : "float32";
  }
  return "float32";
}
