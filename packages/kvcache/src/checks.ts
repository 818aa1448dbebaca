import { DeviceError, DTypeError, ShapeError, type Tensor } from "@x/tensor";
import { CacheError } from "./errors";
import type { LayerGeometry } from "./layer-store";

/** @throws {CacheError} unless each of `sizes` is an integer of at least `minimum`. */
export function assertSizes(
  operation: string,
  sizes: Readonly<Record<string, number>>,
  minimum = 1,
): void {
  for (const [name, value] of Object.entries(sizes)) {
    if (Number.isSafeInteger(value) && value >= minimum) continue;
    const expected = minimum === 1 ? "a positive integer" : `an integer of ${minimum} or more`;
    throw new CacheError(`${operation}: ${name} is ${value}; use ${expected}`, { [name]: value });
  }
}

/**
 * Checks what is to be appended.
 *
 * @returns `T`, the number of tokens.
 */
export function assertEntries(
  { device, kvHeads, headDim }: LayerGeometry,
  keys: Tensor,
  values: Tensor,
): number {
  const [tokens = 0] = keys.shape;
  const expected = `${tokens},${kvHeads},${headDim}`;
  if (keys.shape.join() !== expected || values.shape.join() !== expected) {
    throw new ShapeError(
      `update: keys [${keys.shape.join(", ")}] and values [${values.shape.join(", ")}] do not fit; use [T, ${kvHeads}, ${headDim}] for both`,
      { keys: keys.shape, values: values.shape, kvHeads, headDim },
    );
  }
  for (const entries of [keys, values]) {
    if (entries.dtype !== "float32") {
      throw new DTypeError(`update: an operand is ${entries.dtype}; use float32`, {
        dtype: entries.dtype,
      });
    }
    if (entries.device !== device || entries.isDisposed) {
      throw new DeviceError(
        "update: an operand is disposed or of another device; give live tensors of the cache's device",
        { device: entries.device.name, isDisposed: entries.isDisposed },
      );
    }
  }
  return tokens;
}

/** @throws {CacheError} unless `indexes` ascend within 0 to `held - 1`. */
export function assertIndexes(indexes: readonly number[], held: number): void {
  let previous = -1;
  for (const index of indexes) {
    if (!Number.isInteger(index) || index <= previous || index >= held) {
      throw new CacheError(
        `keepEntries: index ${index} does not ascend within 0 to ${held - 1}; sort them, each once`,
        { index, held },
      );
    }
    previous = index;
  }
}
