import { describe, expect, it } from "vitest";
import { createDevice, type DType, linear, tensor, tidy } from "../../src/index";
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

const dtypes = ["q4_0", "q4_1", "q8_0"] as const;

function identityMatrix(size: number): Float32Array {
  return Float32Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 : 0));
}

/** Activations as the kernels round them to 8 bits. */
function roundToBytes(values: Float32Array): Float64Array {
  const rounded = new Float64Array(values.length);
  for (let begin = 0; begin < values.length; begin += 32) {
    const block = values.subarray(begin, begin + 32);
    const largest = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    if (largest < 1e-34) continue;
    const inverse = Math.fround(127 / largest);
    block.forEach((value, index) => {
      const scaled = Math.fround(value * inverse);
      rounded[begin + index] = (roundHalfToEven(scaled) * largest) / 127;
    });
  }
  return rounded;
}

function roundHalfToEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest === 0.5 ? down + (down % 2 === 0 ? 0 : 1) : Math.round(value);
}

/** Nibbles can be multiplied as bytes anywhere; other weights where the processor is able to. */
async function device(dtype: DType, byBytes: boolean, activationBits: 8 | 16 = 16) {
  const options = { kernels: "auto", build: "relaxed-simd", threads: 1, activationBits } as const;
  if (!byBytes) return WasmDevice.create({ ...options, byteProducts: 0 });
  if (dtype !== "q8_0") return WasmDevice.create({ ...options, byteProducts: 1 });
  return WasmDevice.create(options);
}

/** The two ways to multiply packed weights, of the relaxed build. */
export function byteProductsSuite(): void {
  describe.runIf(supportedBuild() === "relaxed-simd")("products of packed weights by bytes", () => {
    it.each(dtypes)("are those by words, bit by bit: %s", async (dtype) => {
      using bytes = await device(dtype, true);
      using words = await device(dtype, false);
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

    it.each(dtypes)("are those of activations of 8 bits, if told so: %s", async (dtype) => {
      using bytes = await device(dtype, true, 8);
      if (bytes.packedProducts.byteProducts < (dtype === "q8_0" ? 2 : 1)) return;
      for (const rows of [1, 2, 3, 4, 5, 7, 8, 12, 64, 67, 76]) {
        const [columns, features] = [320, 13];
        const values = adversarial(rows, columns);
        const packed = randomPacked(dtype, [features, columns], rows);
        const [ours, weights] = tidy(() => {
          const input = tensor(values, [rows, columns], { device: bytes });
          const weight = tensor(packed, [features, columns], { device: bytes, dtype });
          const identity = tensor(identityMatrix(columns), [columns, columns], { device: bytes });
          // A row of the identity rounds to itself, so these are the weights.
          return [linear(input, weight).dataSync(), linear(identity, weight).dataSync()];
        });
        const rounded = roundToBytes(values);
        for (let row = 0; row < rows; row++) {
          for (let feature = 0; feature < features; feature++) {
            let [sum, size] = [0, 0];
            for (let column = 0; column < columns; column++) {
              const product =
                rounded[row * columns + column]! * weights![column * features + feature]!;
              sum += product;
              size += Math.abs(product);
            }
            const value = ours![row * features + feature]!;
            expect(Math.abs(value - sum)).toBeLessThanOrEqual(4e-5 * size + 1e-30);
          }
        }
      }
    });

    it("give NaN for a row with infinity, and for no other", async () => {
      using bytes = await device("q4_1", true);
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

  it("take activations of 8 or 16 bits, and nothing else", async () => {
    for (const activationBits of [4, 0, 12.5, Number.NaN, "8"]) {
      await expect(createDevice("wasm", { activationBits: activationBits as 8 })).rejects.toThrow(
        `activationBits is ${activationBits}; use 8 or 16`,
      );
    }
  });

  it("are not taken by the baseline build, whatever the bits of activations", async () => {
    const options = { kernels: "auto", build: "simd", threads: 1 } as const;
    using baseline = await WasmDevice.create(options);
    using fewer = await WasmDevice.create({ ...options, activationBits: 8 });
    expect(baseline.packedProducts.byteProducts).toBe(0);
    const [left, right] = [baseline, fewer].map((one) =>
      tidy(() => {
        const input = tensor(normalValues(3 * 64, 1), [3, 64], { device: one });
        const packed = randomPacked("q4_0", [6, 64], 3);
        const weight = tensor(packed, [6, 64], { device: one, dtype: "q4_0" });
        return linear(input, weight).dataSync() as Float32Array;
      }),
    );
    expectSameBits(left!, right!);
  });
}
