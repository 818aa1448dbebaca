import { blockSize } from "./block-format";
import { panelBytes } from "./dot-products";
import { blockScratchBytes } from "./linear-blocks";

/** Bytes of scratch that suffice for every `linear…` kernel with `m` rows of `k` elements. */
export function linearScratchBytes(m: i32, k: i32): i32 {
  return max(blockScratchBytes(m, (k + blockSize - 1) / blockSize), panelBytes(k));
}
