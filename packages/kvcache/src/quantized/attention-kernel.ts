import { simdModuleBase64 } from "../generated/kernels";
import type { PackedMemory } from "./packed-memory";

/** Functions of the kernel module; pointers are byte offsets into the memory. */
export interface AttentionKernel {
  attendScratchBytes(blocks: number, groupSize: number, residual: number, headDim: number): number;
  attend(
    queries: number,
    heads: number,
    kvHeads: number,
    headDim: number,
    bits: number,
    groupSize: number,
    valueGroup: number,
    table: number,
    blocks: number,
    rows: number,
    rowCapacity: number,
    rowCount: number,
    scratch: number,
    out: number,
  ): void;
}

const kernels = new WeakMap<PackedMemory, AttentionKernel>();
let isSupported: boolean | undefined;

/** The kernel over `memory`, or `undefined` where the engine has no SIMD. */
export function attentionKernelOf(packed: PackedMemory): AttentionKernel | undefined {
  const made = kernels.get(packed);
  if (made !== undefined || isSupported === false) return made;
  const bytes = Uint8Array.from(atob(simdModuleBase64), (character) => character.charCodeAt(0));
  isSupported = WebAssembly.validate(bytes);
  if (!isSupported) return undefined;
  // The module is a few kilobytes: compiling it at once costs less than a promise would.
  const { memory } = packed;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const kernel = instance.exports as unknown as AttentionKernel;
  kernels.set(packed, kernel);
  return kernel;
}
