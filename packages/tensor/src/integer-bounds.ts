/** What is known of the elements of an int32 storage without reading it. */
export interface IntegerBounds {
  readonly minimum: number;
  readonly maximum: number;
  /** The smallest element above the minimum, where it is known that there is one. */
  readonly aboveMinimum?: number;
  /** The largest element below the maximum, where it is known that there is one. */
  readonly belowMaximum?: number;
}

/** The bounds of `values`, which int32 truncates; 0 to 0 when there are none. */
export function boundsOf(values: ArrayLike<number>): IntegerBounds {
  let minimum = Math.trunc(values[0] ?? 0);
  let maximum = minimum;
  let aboveMinimum = Number.POSITIVE_INFINITY;
  let belowMaximum = Number.NEGATIVE_INFINITY;
  for (let index = 1; index < values.length; index++) {
    const value = Math.trunc(values[index] ?? 0);
    if (value < minimum) {
      aboveMinimum = minimum;
      minimum = value;
    } else if (value > minimum && value < aboveMinimum) aboveMinimum = value;
    if (value > maximum) {
      belowMaximum = maximum;
      maximum = value;
    } else if (value < maximum && value > belowMaximum) belowMaximum = value;
  }
  return minimum === maximum
    ? { minimum, maximum }
    : { minimum, maximum, aboveMinimum, belowMaximum };
}

/** Bounds that hold for the elements of both. */
export function unionOfBounds(
  left: IntegerBounds | undefined,
  right: IntegerBounds | undefined,
): IntegerBounds | undefined {
  if (left === undefined || right === undefined) return undefined;
  return {
    minimum: Math.min(left.minimum, right.minimum),
    maximum: Math.max(left.maximum, right.maximum),
  };
}

/** The bounds of the elements other than `value`, as tightly as they are known. */
export function boundsWithout(
  bounds: IntegerBounds | undefined,
  value: number,
): IntegerBounds | undefined {
  if (bounds === undefined) return undefined;
  const { minimum, maximum, aboveMinimum = minimum, belowMaximum = maximum } = bounds;
  return {
    minimum: minimum === value ? aboveMinimum : minimum,
    maximum: maximum === value ? belowMaximum : maximum,
  };
}
