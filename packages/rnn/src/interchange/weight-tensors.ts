import { type Device, type Parameters, type Tensor, tensor } from "@x/tensor";
import type { WeightArray } from "./weight-array";

/** Weights on the host as tensors on `device`, for `load`. Dispose them. */
export function toTensors(
  weights: Readonly<Record<string, WeightArray>>,
  device: Device,
): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => [
      name,
      tensor(data, shape, { device }),
    ]),
  );
}

/** Parameters copied to the host, for the writers of the other formats. */
export async function toArrays(parameters: Parameters): Promise<Record<string, WeightArray>> {
  const entries = Object.entries(parameters).map(
    async ([name, one]) =>
      [name, { shape: one.shape, data: (await one.data()) as Float32Array }] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}
