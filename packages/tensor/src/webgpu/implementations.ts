import { contiguousName } from "../ops/copy-contiguous";
import type { Implementation } from "../ops/operation";
import { copyStrided } from "./wgsl/copy-strided";
import { matmul } from "./wgsl/matmul";
import { layerNorm, rmsNorm, softmax } from "./wgsl/row-kernels";
import type { WgslServices } from "./wgsl/wgsl-kernel";

/** The hand-written kernels by operation name. Each must equal the operation's gpu.js definition. */
export function wgslImplementations(services: WgslServices): ReadonlyMap<string, Implementation> {
  return new Map<string, Implementation>([
    ["matmul", matmul(services)],
    ["softmax", softmax(services)],
    ["rmsNorm", rmsNorm(services)],
    ["layerNorm", layerNorm(services)],
    [contiguousName, copyStrided(services)],
  ]);
}
