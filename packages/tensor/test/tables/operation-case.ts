import type { Device, DType, Tensor } from "../../src/index";
import { tensor } from "../../src/index";
import type { Tolerance } from "../support/all-close";
import { type NdArray, permute, pickAlong } from "../support/ndarray";
import { randomGenerator } from "../support/random";

/** An operand: its elements, and the dtype in which the library holds them. */
export interface Operand extends NdArray {
  readonly dtype: "float32" | "int32" | "bool";
}

/**
 * How an operand lies in memory. The elements that the operation sees are the same in all of them:
 * `transposed` swaps the last two dimensions of what is stored, `stepped` skips every other stored
 * element of the last dimension, `reversed` walks the first dimension backwards.
 */
export type Layout = "contiguous" | "transposed" | "stepped" | "reversed";

/** One call of one operation, with the float64 computation of what it must give. */
export interface OperationCase {
  /** The exported function. */
  readonly operation: string;
  /** What is special about this call; unique among the operation's cases. */
  readonly label: string;
  /**
   * The name under which devices register a kernel and report a launch; `none` for what the host
   * does by itself: views, and tensors made from numbers. Default `operation`.
   */
  readonly kernel?: string;
  readonly operands: readonly Operand[];
  run(operands: readonly Tensor[], device: Device): Tensor | readonly Tensor[];
  oracle(operands: readonly NdArray[]): NdArray | readonly NdArray[];
  /** The dtype of each result. Default float32 for all. */
  readonly dtypes?: readonly DType[];
  /** Default {@link closeTolerance}; results that are not float32 must be exact. */
  readonly tolerance?: Tolerance;
  /** The layouts to run it in. Default: contiguous alone. */
  readonly layouts?: readonly Layout[];
  /** Whether its gradient is compared with central differences. Default false. */
  readonly differentiable?: boolean;
  /** Which operands have a gradient. Default: those that are float32. */
  readonly tracked?: readonly number[];
}

/** A few units in the last place of float32, for elements about 1. */
export const closeTolerance: Tolerance = { absolute: 2e-6, relative: 2e-6 };

/** Every layout. */
export const allLayouts: readonly Layout[] = ["contiguous", "transposed", "stepped", "reversed"];

const sizeOf = (shape: readonly number[]) => shape.reduce((total, size) => total * size, 1);

/** Values that float32 holds exactly. */
export function floats(shape: readonly number[], values: Iterable<number>): Operand {
  return { shape, dtype: "float32", values: Float64Array.from(values, Math.fround) };
}

/** Normal values of float32. */
export function normals(shape: readonly number[], seed: number): Operand {
  const random = randomGenerator(seed);
  const next = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return floats(shape, Array.from({ length: sizeOf(shape) }, next));
}

/** Float32 values spread evenly from `low` to `high`. */
export function spread(shape: readonly number[], seed: number, low: number, high: number): Operand {
  const random = randomGenerator(seed);
  const next = () => low + (high - low) * random();
  return floats(shape, Array.from({ length: sizeOf(shape) }, next));
}

/** Whole numbers. */
export function integers(shape: readonly number[], values: Iterable<number>): Operand {
  return { shape, dtype: "int32", values: Float64Array.from(values) };
}

/** Random integers from `low` to below `high`. */
export function randomIntegers(
  shape: readonly number[],
  seed: number,
  low: number,
  high: number,
): Operand {
  const random = randomGenerator(seed);
  const next = () => low + Math.floor((high - low) * random());
  return integers(shape, Array.from({ length: sizeOf(shape) }, next));
}

/** Random truth values. */
export function truths(shape: readonly number[], seed: number): Operand {
  return { ...randomIntegers(shape, seed, 0, 2), dtype: "bool" };
}

/** What is stored for an operand in a layout, and how the operation's operand is seen in it. */
export interface StoredOperand {
  readonly stored: Tensor;
  view(stored: Tensor): Tensor;
}

/** Whether the layout differs from `contiguous` for operands of this shape. */
export function hasLayout({ shape }: NdArray, layout: Layout): boolean {
  if (layout === "contiguous") return true;
  if (sizeOf(shape) === 0) return false;
  return shape.length >= (layout === "transposed" ? 2 : 1);
}

/** Puts an operand into the memory of a device. */
export function store(operand: Operand, layout: Layout, device: Device): StoredOperand {
  const put = ({ shape, values }: NdArray) =>
    tensor(values, shape, { device, dtype: operand.dtype });
  if (!hasLayout(operand, layout)) return { stored: put(operand), view: (stored) => stored };
  const { shape } = operand;
  switch (layout) {
    case "contiguous":
      return { stored: put(operand), view: (stored) => stored };
    case "transposed": {
      const axes = shape.map((_, axis) => axis);
      axes.push(...axes.splice(-2).reverse());
      return { stored: put(permute(operand, axes)), view: (stored) => stored.transpose() };
    }
    case "stepped": {
      const last = shape.at(-1)!;
      // Elements 1, 3, 5, … are the operand's; the others repeat it and must not be read.
      const indexes = Array.from({ length: 2 * last + 1 }, (_, index) =>
        index % 2 === 1 ? (index - 1) / 2 : (index / 2 + 1) % last,
      );
      return {
        stored: put(pickAlong(operand, -1, indexes)),
        view: (stored) => stored.slice(-1, 1, 2 * last, 2),
      };
    }
    case "reversed": {
      const indexes = Array.from({ length: shape[0]! }, (_, index) => shape[0]! - 1 - index);
      return {
        stored: put(pickAlong(operand, 0, indexes)),
        view: (stored) => stored.slice(0, undefined, undefined, -1),
      };
    }
    default:
      return layout satisfies never;
  }
}
