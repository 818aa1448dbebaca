/** Numbers in row-major order, on the host. */
export interface WeightArray {
  /** Outermost first. */
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
