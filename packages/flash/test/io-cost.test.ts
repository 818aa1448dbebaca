import { createDevice, tidy, zeros } from "@x/tensor";
import { describe, expect, it } from "vitest";
import { flashAttention, ioCost, tileSizesFor } from "../src/index";
import { measureTraffic } from "../src/instrumented";

const headSize = 64;

describe("ioCost", () => {
  it("gives the figures of the papers' formulas", () => {
    const problem = { tokens: 4096, headSize };
    // 4 N d + 4 N²
    expect(ioCost({ ...problem, schedule: "standard" }).total).toBe(68_157_440);
    // 2 N d + N + 2 N d ⌈N / 128⌉
    const tile = { queries: 128, keys: 64 };
    expect(ioCost({ ...problem, schedule: "queries-outer", tile }).total).toBe(17_305_600);
    // 2 N d + ⌈N / 192⌉ (3 N d + 4 N): fast memory of 49,152 elements, B_c = M / 4 d
    const keysOuter = { schedule: "keys-outer", tile: { queries: 64, keys: 192 } } as const;
    expect(ioCost({ ...problem, ...keysOuter }).total).toBe(18_186_240);
  });

  describe.each([256, 1024, 4096])("N = %i", (tokens) => {
    it.each([
      [16, 32],
      [64, 64],
      [128, 64],
      [40, 100],
    ])("is what the forward kernel moves in tiles of %i by %i", (queries, keys) => {
      const tile = { queries, keys };
      const { loads, stores } = measureTraffic({ tokens, headSize, tile });
      expect({ loads, stores }).toEqual(
        pick(ioCost({ tokens, headSize, schedule: "queries-outer", tile })),
      );
    });

    it.each([
      [16, 32],
      [64, 64],
    ])("is what the backward kernel moves in tiles of %i by %i", (queries, keys) => {
      const tile = { queries, keys };
      const { loads, stores } = measureTraffic({ tokens, headSize, tile, pass: "backward" });
      expect({ loads, stores }).toEqual(
        pick(ioCost({ tokens, headSize, schedule: "queries-outer", tile, pass: "backward" })),
      );
    });
  });

  it("falls as 1 / M", () => {
    const totals = [1, 2, 4, 8].map((factor) => {
      const memory = 8192 * factor;
      const tile = tileSizesFor(memory, headSize);
      const { loads, stores } = measureTraffic({ tokens: 2048, headSize, tile });
      return (loads + stores) * memory;
    });
    // The part that does not depend on M, 3 N d + N of 2 N d T, is what is left.
    for (const product of totals) expect(product / totals[0]!).toBeCloseTo(1, 0.3);
  });

  it("skips tiles that causality hides: half of the keys' traffic, and the diagonal", () => {
    const tile = { queries: 64, keys: 64 };
    const { loads } = measureTraffic({ tokens: 1024, headSize, tile, causal: true });
    const tiles = 1024 / 64;
    const visited = (tiles * (tiles + 1)) / 2;
    expect(loads).toBe(1024 * headSize + visited * 64 * 2 * headSize);
  });
});

describe("memory", () => {
  const tile = { queries: 64, keys: 64 };

  it("grows with N: the backward pass has slope 1", () => {
    const lengths = [1024, 2048, 4096, 8192];
    const bytes = lengths.map((tokens) => {
      const { scratchBytes } = measureTraffic({ tokens, headSize: 8, tile, pass: "backward" });
      return scratchBytes + 3 * tokens * 8 * 4;
    });
    const slope = Math.log(bytes.at(-1)! / bytes[0]!) / Math.log(lengths.at(-1)! / lengths[0]!);
    expect(slope).toBeGreaterThan(0.9);
    expect(slope).toBeLessThan(1.05);
  });

  it("needs the same scratch for every N forward", () => {
    const scratch = [256, 4096].map(
      (tokens) => measureTraffic({ tokens, headSize: 8, tile }).scratchBytes,
    );
    expect(scratch[1]).toBe(scratch[0]);
  });

  it("attends over 32,768 tokens, whose scores would take 4 GB, in 32 MiB", async () => {
    using device = await createDevice("wasm", { threads: 1 });
    tidy(() => {
      const operand = () => zeros([1, 32_768, 1, 8], { device });
      flashAttention(operand(), operand(), operand(), { causal: true });
    });
    expect(device.memory().reservedBytes).toBeLessThanOrEqual(32 * 2 ** 20);
  });
});

function pick({ loads, stores }: { loads: number; stores: number }) {
  return { loads, stores };
}
