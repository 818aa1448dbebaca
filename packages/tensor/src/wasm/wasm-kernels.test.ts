import { expect, it } from "vitest";
import { simdModuleBase64 } from "../generated/kernels";
import { instantiatePackage } from "./wasm-kernels";

const modules = { simd: simdModuleBase64, "relaxed-simd": simdModuleBase64 };
const host = { withScratch: () => {}, writeIntegers: () => {} };

it.each([false, true])("instantiates a module over a memory, shared: %s", (shared) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared });
  const numbers = () => new Float32Array(memory.buffer);
  numbers().set([1, 2, 3, 4, 10, 20, 30, 40]);
  const implementations = (exports: WebAssembly.Exports) => {
    const add = exports.add as (a: number, b: number, output: number, n: number) => void;
    add(0, 16, 32, 4);
    return new Map();
  };
  instantiatePackage({ modules, implementations }, "simd", memory, host);
  expect([...numbers().subarray(8, 12)]).toEqual([11, 22, 33, 44]);
});
