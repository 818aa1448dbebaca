import { describe, expect, it } from "vitest";
import { Random, splitMix64 } from "./random";

describe("Random", () => {
  it("gives the sequence that the authors' C code gives from the state 1, 2, 3, 4", () => {
    const random = new Random(Uint32Array.of(1, 2, 3, 4));
    const expected = [
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
      4258142804,
    ];
    expect(Array.from(expected, () => random.uint32())).toEqual(expected);
  });

  it("fills its state by SplitMix64", () => {
    const gamma = 0x9e3779b97f4a7c15n;
    const outputs = [1n, 2n, 3n].map((step) => splitMix64(1234567n + step * gamma));
    expect(outputs).toEqual([6457827717110365317n, 3203168211198807973n, 9817491932198370423n]);
    const words = [6457827717110365317n, 3203168211198807973n].flatMap((output) => [
      Number(output & 0xffffffffn),
      Number(output >> 32n),
    ]);
    const filled = new Random(Uint32Array.from(words));
    const seeded = Random.fromSeed(1234567);
    for (let count = 0; count < 20; count += 1) {
      expect(seeded.uint32()).toBe(filled.uint32());
    }
  });

  it("gives different numbers for seeds that differ in any bit, up to 2^53 − 1", () => {
    const seeds = [0, ...Array.from({ length: 53 }, (_, bit) => 2 ** bit), Number.MAX_SAFE_INTEGER];
    const firsts = seeds.map((seed) => Random.fromSeed(seed).uniform());
    expect(new Set(firsts).size).toBe(seeds.length);
  });

  it("spreads uniform numbers evenly over [0, 1)", () => {
    const random = Random.fromSeed(3);
    const bins = new Array<number>(64).fill(0);
    const draws = 64_000;
    for (let count = 0; count < draws; count += 1) {
      bins[Math.floor(random.uniform() * 64)]! += 1;
    }
    expect(bins.length).toBe(64);
    const expected = draws / 64;
    const chiSquare = bins.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
    // 63 degrees of freedom: 1 in 1000 lies above 103.4, and 1 in 1000 below 33.0.
    expect(chiSquare).toBeLessThan(103.4);
    expect(chiSquare).toBeGreaterThan(33);
  });

  it("uses all 53 bits", () => {
    const random = Random.fromSeed(4);
    let bits = 0n;
    for (let count = 0; count < 200; count += 1) {
      bits |= BigInt(random.uniform() * 2 ** 53);
    }
    expect(bits).toBe(2n ** 53n - 1n);
  });
});
