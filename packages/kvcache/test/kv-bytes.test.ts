import { createDevice, tidy } from "@x/tensor";
import { describe, expect, it } from "vitest";
import {
  kvBytes,
  PagedPool,
  pagedStore,
  quantizedStore,
  SequenceCache,
  slidingStore,
} from "../src/index";
import { appendPositions } from "./support/tokens";

describe("kvBytes", () => {
  // From the models' published sizes: layers, key/value heads, head size.
  it.each([
    ["SmolLM2-135M, a token", { layers: 30, kvHeads: 3, headDim: 64, tokens: 1 }, 46_080],
    [
      "Llama 2 7B, 4,096 in half",
      { layers: 32, kvHeads: 32, headDim: 128, tokens: 4096, dtype: "float16" },
      2 * 2 ** 30,
    ],
    [
      "Llama 3 8B, 8,192 in half",
      { layers: 32, kvHeads: 8, headDim: 128, tokens: 8192, dtype: "bfloat16" },
      2 ** 30,
    ],
    [
      "Llama 3 70B, 128 k in half",
      { layers: 80, kvHeads: 8, headDim: 128, tokens: 131_072, dtype: "float16" },
      40 * 2 ** 30,
    ],
    [
      "Mistral 7B, window of 4,096",
      { layers: 32, kvHeads: 8, headDim: 128, tokens: 32_768, dtype: "float16", maxEntries: 4096 },
      2 ** 29,
    ],
    [
      "Gemma 3 1B, 22 of 26 layers of 512",
      {
        layers: 26,
        kvHeads: 1,
        headDim: 256,
        tokens: 32_768,
        dtype: "bfloat16",
        maxEntries: 512,
        boundedLayers: 22,
      },
      1024 * (22 * 512 + 4 * 32_768),
    ],
    ["8 sequences", { layers: 1, kvHeads: 1, headDim: 1, tokens: 10, sequences: 8 }, 640],
    ["nothing yet", { layers: 1, kvHeads: 1, headDim: 1, tokens: 0 }, 0],
  ] as const)("of %s", (_name, options, expected) => {
    expect(kvBytes(options)).toBe(expected);
  });

  it("says what the stores take", async () => {
    using device = await createDevice("wasm");
    const sizes = { layers: 2, kvHeads: 3, headDim: 64 };
    using pool = new PagedPool({ device, ...sizes, blocks: 40 });
    using paged = new SequenceCache({ device, ...sizes, store: pagedStore({ pool }) });
    using sliding = new SequenceCache({ device, ...sizes, store: slidingStore({ window: 100 }) });
    using quantized = new SequenceCache({
      device,
      ...sizes,
      store: quantizedStore({ bits: 4, groupSize: 32, residual: 64 }),
    });
    tidy(() => {
      for (const cache of [paged, sliding, quantized]) appendPositions(cache, 351);
    });
    expect(paged.bytes).toBe(kvBytes({ ...sizes, tokens: 351, blockSize: 16 }));
    expect(sliding.bytes).toBe(kvBytes({ ...sizes, tokens: 351, maxEntries: 100 }));
    // 256 packed, 95 in full, for which 96 are reserved.
    const packed = kvBytes({ ...sizes, tokens: 256, dtype: "int4" });
    expect(quantized.bytes).toBe(packed + kvBytes({ ...sizes, tokens: 96 }));
    const whole = kvBytes({ ...sizes, tokens: 352, dtype: "int4", residual: 96 });
    expect(quantized.bytes).toBe(whole);
  });

  it("refuses sizes that are none", () => {
    const sizes = { layers: 1, kvHeads: 1, headDim: 1, tokens: 1 };
    expect(() => kvBytes({ ...sizes, layers: 0 })).toThrow(/layers is 0/);
    expect(() => kvBytes({ ...sizes, tokens: 1.5 })).toThrow(/tokens is 1.5/);
  });
});
