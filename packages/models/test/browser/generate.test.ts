import { expect, it } from "vitest";
import { byteSourceFromBlob, loadModel } from "../../src/index";
import { tinyLlama } from "../support/tiny-llama";

it.each([
  { device: "cpu", kernels: "gpujs" },
  { device: "wasm", kernels: "gpujs" },
  { device: "wasm", build: "simd" },
  { device: "wasm", build: "relaxed-simd" },
] as const)("generates in a browser with %o", async (options) => {
  const file = new Blob([tinyLlama() as Uint8Array<ArrayBuffer>]);
  using model = await loadModel(byteSourceFromBlob(file, "tiny.gguf"), options);
  const prompt = model.encodeChat([{ role: "user", content: "hello" }]);
  const generation = model.generate(prompt, { temperature: 0, maxTokens: 8, ignoreEos: true });
  const tokenIds: number[] = [];
  for await (const event of generation) {
    if (event.type === "text-delta") tokenIds.push(event.tokenId);
  }
  // The tokens that the same file gives in Node.
  expect(tokenIds).toEqual([38, 80, 121, 37, 38, 120, 125, 115]);
});
