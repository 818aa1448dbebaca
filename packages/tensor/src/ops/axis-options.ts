/** Which dimension an operation works along. */
export interface AxisOptions {
  /** Negative counts from the end. The default is that of the function. */
  readonly axis?: number;
}
