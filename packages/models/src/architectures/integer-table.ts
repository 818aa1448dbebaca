import { bytesOf, type Device, empty, keep, type Tensor } from "@x/tensor";

/** A table of int32 on the device, with the view through which it is written. */
export interface IntegerTable {
  readonly tensor: Tensor;
  readonly values: Int32Array;
}

/** A table of zeros. */
export function integerTable(device: Device, shape: readonly number[]): IntegerTable {
  const tensor = keep(empty(shape, { device, dtype: "int32" }));
  const { buffer, byteOffset, byteLength } = bytesOf(tensor);
  return { tensor, values: new Int32Array(buffer, byteOffset, byteLength / 4).fill(0) };
}
