import { expect, it } from "vitest";
import { instantiatePackage } from "./wasm-kernels";

/** `add(a, b, out)` over an imported memory that is not declared as shared, as packages build it. */
const module = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x07, 0x01, 0x60, 0x03, 0x7f, 0x7f, 0x7f, 0x00],
  ...[0x02, 0x0f, 0x01, 3, ...new TextEncoder().encode("env")],
  ...[6, ...new TextEncoder().encode("memory"), 0x02, 0x00, 0x01],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x07, 0x07, 0x01, 3, ...new TextEncoder().encode("add"), 0x00, 0x00],
  // out[0] = a[0] + b[0]
  ...[0x0a, 0x14, 0x01, 0x12, 0x00, 0x20, 0x02, 0x20, 0x00, 0x28, 0x02, 0x00],
  ...[0x20, 0x01, 0x28, 0x02, 0x00, 0x6a, 0x36, 0x02, 0x00, 0x0b],
]);
const base64 = btoa(String.fromCharCode(...module));
const modules = { simd: base64, "relaxed-simd": base64 };
const host = { withScratch: () => {}, writeIntegers: () => {} };

it.each([false, true])("instantiates a module over a memory, shared: %s", (shared) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared });
  const numbers = () => new Int32Array(memory.buffer);
  numbers().set([40, 2]);
  const implementations = (exports: WebAssembly.Exports) => {
    const add = exports.add as (a: number, b: number, output: number) => void;
    add(0, 4, 8);
    return new Map();
  };
  instantiatePackage({ modules, implementations }, "simd", memory, host);
  expect(numbers()[2]).toBe(42);
});
