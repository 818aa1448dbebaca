import { commonDevice } from "../device/device";
import { OutOfRangeError, ShapeError } from "../errors";
import { formatShape, resolveAxis } from "../shape";
import type { Tensor } from "../tensor";
import { concat } from "./concat";
import { full } from "./creation";

/** Settings of {@link pad}. */
export interface PadOptions {
  /** What is put around. Default 0. */
  readonly value?: number;
}

/** Settings of {@link flip}. */
export interface FlipOptions {
  /** The dimensions that are reversed. Default: all. */
  readonly axis?: number | readonly number[];
}

/**
 * The tensor with a constant around it.
 *
 * @param widths - For each dimension, how many elements before and after.
 * @throws {ShapeError} unless there is a pair for each dimension.
 */
export function pad(
  input: Tensor,
  widths: readonly (readonly number[])[],
  { value = 0 }: PadOptions = {},
): Tensor {
  commonDevice("pad", [input]);
  if (widths.length !== input.rank || widths.some((pair) => pair.length !== 2)) {
    throw new ShapeError(
      `pad: ${widths.length} pairs given for ${formatShape(input.shape)}; give [before, after] for each dimension`,
      { widths, shape: input.shape },
    );
  }
  const negative = widths.flat().find((width) => !Number.isInteger(width) || width < 0);
  if (negative !== undefined) {
    throw new OutOfRangeError(
      `pad: width ${negative} is not an integer of 0 or more; slice to cut`,
      {
        widths,
      },
    );
  }
  let result = input.alias();
  widths.forEach(([before = 0, after = 0], axis) => {
    if (before + after === 0) return;
    using inner = result;
    using front = block(inner, axis, before, value);
    using back = block(inner, axis, after, value);
    result = concat([front, inner, back], { axis });
  });
  return result;
}

function block(like: Tensor, axis: number, width: number, value: number): Tensor {
  const shape = like.shape.map((size, one) => (one === axis ? width : size));
  return full(shape, value, { device: like.device, dtype: like.dtype });
}

/** The elements in reverse along `axis` (default: every dimension), as a view. */
export function flip(input: Tensor, { axis }: FlipOptions = {}): Tensor {
  commonDevice("flip", [input]);
  const named = axis === undefined ? input.shape.map((_, one) => one) : [axis].flat();
  let result = input.alias();
  for (const one of named) {
    using before = result;
    result = before.slice(resolveAxis("flip", one, input.rank), undefined, undefined, -1);
  }
  return result;
}
