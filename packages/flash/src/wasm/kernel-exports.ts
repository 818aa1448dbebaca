/** Byte offset in the device's memory. */
type Pointer = number;

/** Units `begin` to `end` of a problem; calls may run at once, each with scratch of its own. */
type RangeKernel = (problem: Pointer, begin: number, end: number, scratch: Pointer) => void;

/** What the compiled module exports. The AssemblyScript sources document each kernel. */
export interface FlashExports {
  readonly flashForward: RangeKernel;
  readonly flashForwardScratchBytes: (problem: Pointer) => number;
  readonly flashBackward: RangeKernel;
  readonly flashBackwardScratchBytes: (problem: Pointer) => number;
  readonly flashDecode: RangeKernel;
  readonly flashDecodeScratchBytes: (problem: Pointer) => number;
  /** Bytes of `partials` for each unit. */
  readonly flashDecodePartBytes: (
    kvHeads: number,
    tileQueries: number,
    valueSize: number,
  ) => number;
  /** Combines the splits of sequences `begin` to `end`. */
  readonly flashCombine: (problem: Pointer, begin: number, end: number) => void;
  readonly flashClear: (target: Pointer, byteLength: number) => void;
}
