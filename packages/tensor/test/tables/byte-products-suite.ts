import { describe, expect, it } from "vitest";
import { linear, tensor, tidy } from "../../src/index";
import { supportedBuild } from "../../src/wasm/kernel-module";
import { WasmDevice } from "../../src/wasm/wasm-device";
import { expectSameBits } from "../support/all-close";
import { randomPacked } from "../support/packed-blocks";
import { normalValues } from "../support/random";

/** Activations whose integers reach both ends, and blocks that round or vanish in odd ways. */
function adversarial(rows: number, columns: number): Float32Array {
  const values = normalValues(rows * columns, rows);
  const block = (index: number) => values.subarray(index * 32, index * 32 + 32);
  block(0).fill(3.5); // every integer is the largest
  block(1).fill(-3.5).set([3.5, 3.5], 7);
  block(2).fill(1e-3).set([-1e4], 31); // an outlier beside what rounds to 0
  block(3).fill(1e-42); // subnormal
  block(4).fill(0);
  block(5).set(Array.from({ length: 32 }, (_, index) => (index - 16) / 16)); // bytes of all signs
  return values;
}

const device = (byteProducts: boolean) =>
  WasmDevice.create({ kernels: "auto", build: "relaxed-simd", threads: 1, byteProducts });

/** The two ways to multiply nibbles, of the relaxed build. */
export function byteProductsSuite(): void {
  describe.runIf(supportedBuild() === "relaxed-simd")("products of nibbles by bytes", () => {
    it.each(["q4_0", "q4_1"] as const)("are those by words, bit by bit: %s", async (dtype) => {
      using bytes = await device(true);
      using words = await device(false);
      for (const rows of [1, 2, 3, 4, 5, 7, 8, 12, 64, 67]) {
        const [columns, features] = [320, 13];
        const values = adversarial(rows, columns);
        const packed = randomPacked(dtype, [features, columns], rows);
        const [ours, theirs] = [bytes, words].map((one) =>
          tidy(() => {
            const input = tensor(values, [rows, columns], { device: one });
            const weight = tensor(packed, [features, columns], { device: one, dtype });
            return linear(input, weight).dataSync() as Float32Array;
          }),
        );
        expect(ours!.every(Number.isFinite)).toBe(true);
        expectSameBits(ours!, theirs!);
      }
    });

    it("give NaN for a row with infinity, and for no other", async () => {
      using bytes = await device(true);
      const values = normalValues(5 * 64, 1);
      values[2 * 64 + 40] = Number.POSITIVE_INFINITY;
      const result = tidy(() => {
        const input = tensor(values, [5, 64], { device: bytes });
        const packed = randomPacked("q4_1", [6, 64], 3);
        const weight = tensor(packed, [6, 64], { device: bytes, dtype: "q4_1" });
        return Array.from(linear(input, weight).dataSync(), Number.isNaN);
      });
      expect(result).toEqual(Array.from({ length: 30 }, (_, index) => index >= 12 && index < 18));
    });
  });

  it("are not taken by the baseline build", async () => {
    using baseline = await WasmDevice.create({ kernels: "auto", build: "simd", threads: 1 });
    expect(baseline.byteProducts).toBe(false);
  });
}
