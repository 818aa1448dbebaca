import type { Tensor } from "../tensor";

/** One dimension of several views of one shape. */
export interface CommonDimension {
  readonly size: number;
  /** Distance of neighbours in each view, in elements. */
  readonly strides: readonly number[];
}

/**
 * The dimensions of views of one shape, outermost first, as few as possible: those of size 1 are
 * left out, and neighbours along which every view goes on evenly are one.
 */
export function commonDimensions(views: readonly Tensor[]): CommonDimension[] {
  const [first] = views;
  if (first === undefined) return [];
  if (views.every(({ isContiguous }) => isContiguous)) {
    return [{ size: first.size, strides: views.map(() => 1) }];
  }
  return mergedDimensions(
    first.shape,
    views.map(({ strides }) => strides),
  );
}

/** As {@link commonDimensions}, for sizes and the strides of each view. */
export function mergedDimensions(
  shape: readonly number[],
  stridesOfViews: readonly (readonly number[])[],
): CommonDimension[] {
  const dimensions: CommonDimension[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const strides = stridesOfViews.map((one) => one[axis] ?? 0);
    const outer = dimensions.at(-1);
    const merges = outer?.strides.every((stride, index) => stride === (strides[index] ?? 0) * size);
    if (outer === undefined || !merges) dimensions.push({ size, strides });
    else dimensions[dimensions.length - 1] = { size: outer.size * size, strides };
  });
  return dimensions;
}

/** Elements from the start of each view to the element at `index` of `dimensions`, row-major. */
export function forEachOffset(
  dimensions: readonly CommonDimension[],
  views: number,
  visit: (offsets: readonly number[], index: number) => void,
): void {
  const count = dimensions.reduce((product, { size }) => product * size, 1);
  for (let index = 0; index < count; index++) {
    let rest = index;
    const offsets = new Array<number>(views).fill(0);
    for (let axis = dimensions.length - 1; axis >= 0; axis--) {
      const dimension = dimensions[axis];
      if (dimension === undefined) continue;
      const position = rest % dimension.size;
      rest = (rest - position) / dimension.size;
      for (let view = 0; view < views; view++) {
        offsets[view] = (offsets[view] ?? 0) + position * (dimension.strides[view] ?? 0);
      }
    }
    visit(offsets, index);
  }
}
