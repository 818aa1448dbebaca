import { BlockFormat } from "./block-format";
import { panelBytes } from "./dot-products";
import { blockScratchBytes } from "./linear-blocks";
import { quantizeScratchBytes } from "./quantized-rows";

/** Bytes of scratch per thread for products with rows of `k` weights, and their quantization. */
export function linearScratchBytes(k: i32, format: i32): i32 {
  if (format >= BlockFormat.Float32 && format <= BlockFormat.BFloat16) return panelBytes(k);
  return max(blockScratchBytes(k), quantizeScratchBytes(k)) as i32;
}
