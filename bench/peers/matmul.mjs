import { openNativeOnnx, openOnnx } from "./tensor-onnx.mjs";
import { openTfjs } from "./tensor-tfjs.mjs";

/** The libraries that multiply float32 matrices beside ours, each on one thread; see `tensor.mjs`. */
export async function openMatmulPeers() {
  return [await openTfjs("wasm"), await openOnnx(), await openNativeOnnx()];
}
