// Run by the package check where a user has installed the package: makes every device that needs no
// GPU, by both module systems, and multiplies on it through gpu.js.
import { createRequire } from "node:module";

const byImport = await import("@x/tensor");
const byRequire = createRequire(import.meta.url)("@x/tensor");

for (const { createDevice, matmul, tensor } of [byImport, byRequire]) {
  for (const name of ["cpu", "wasm"]) {
    const device = await createDevice(name, { kernels: "gpujs" });
    const left = tensor([1, 2, 3, 4], [2, 2], { device });
    const product = matmul(left, left.transpose()).dataSync();
    if (product.join() !== "5,11,11,25") throw new Error(`${name} gave ${product}`);
    device.dispose();
  }
}
