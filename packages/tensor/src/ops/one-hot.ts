import type { DType } from "../dtype";
import type { Tensor } from "../tensor";
import { cast } from "./cast";
import { assertIndexes } from "./checks";
import { equal } from "./comparisons";
import { arange } from "./creation";

/** Settings of {@link oneHot}. */
export interface OneHotOptions {
  /** Of the result. Default `float32`. */
  readonly dtype?: DType;
}

/**
 * A row of 0 with a single 1 for each index.
 *
 * @param indices - int32, any shape, each 0 to `depth` - 1.
 * @param depth - Length of a row.
 * @returns `[...indices, depth]`.
 * @throws {OutOfRangeError} when an index is not below `depth`.
 */
export function oneHot(
  indices: Tensor,
  depth: number,
  { dtype = "float32" }: OneHotOptions = {},
): Tensor {
  assertIndexes("oneHot", "index", indices, depth);
  using classes = arange(0, depth, 1, { device: indices.device, dtype: "int32" });
  using column = indices.expandDims(-1);
  using matches = equal(column, classes);
  return cast(matches, dtype);
}
