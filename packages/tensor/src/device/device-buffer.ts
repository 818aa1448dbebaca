/** A range of a device's memory. */
export interface DeviceBuffer {
  /** Where the range starts, in bytes, within the device's memory. */
  readonly byteOffset: number;
  /** Bytes reserved; at least as many as were asked for. */
  readonly byteLength: number;
}
