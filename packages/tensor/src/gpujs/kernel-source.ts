import type { BufferSlice } from "../device/device";
import { LimitError } from "../errors";

/** How a kernel sees an argument: a number, or elements laid out in up to three dimensions. */
export type KernelParameter = "array" | "integer" | "float";

/** A kernel in gpu.js's language, as text, so that no bundler or minifier rewrites it. */
export interface KernelSource {
  /** Unique name; compiled kernels are kept under it. */
  readonly name: string;
  /** `function (a, b, n) { … }` in the subset of JavaScript that gpu.js compiles. */
  readonly source: string;
  /** One entry per parameter of `source`. */
  readonly parameters: readonly KernelParameter[];
}

/** Elements with the sizes by which the kernel indexes them, fastest first. */
export interface ArrayArgument {
  readonly slice: BufferSlice;
  readonly sizes: readonly number[];
}

/** What a kernel is called with: elements, or a number. */
export type KernelArgument = ArrayArgument | number;

/**
 * Above this, gpu.js computes indexes in float32 and silently reads a neighbour. Each dimension
 * must stay below it; a flat array must as well.
 */
export const maxIndex = 2 ** 24;

/** gpu.js stops loops at 1000 unless told otherwise, without an error. */
export const loopMaxIterations = 2 ** 30;

/** gpu.js's names for the types of parameters. */
export const argumentTypes = { array: "Input", integer: "Integer", float: "Float" } as const;

/** @throws {LimitError} when gpu.js cannot index `sizes` exactly. */
export function assertIndexable(name: string, sizes: readonly number[]): void {
  if (sizes.length >= 1 && sizes.length <= 3 && sizes.every((size) => size < maxIndex)) return;
  throw new LimitError(
    `kernel ${name}: sizes ${sizes.join(" × ")} exceed what gpu.js can index (3 dimensions below 2^24); split the work`,
    { kernel: name, sizes, limit: maxIndex },
  );
}
