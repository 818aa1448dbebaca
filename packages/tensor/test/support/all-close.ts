import { expect } from "vitest";

/** How far a result may be from what is expected: `|actual - expected| ≤ absolute + relative·|expected|`. */
export interface Tolerance {
  readonly absolute?: number;
  readonly relative?: number;
}

/** Fails with the worst element. Where the oracle is finite, so must the result be. */
export function expectAllClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { absolute = 0, relative = 0 }: Tolerance = {},
): void {
  expect(actual.length).toBe(expected.length);
  let worst = { index: -1, excess: 0 };
  for (let index = 0; index < expected.length; index++) {
    const got = actual[index]!;
    const wanted = expected[index]!;
    if (Object.is(got, wanted) || got === wanted) continue;
    if (!Number.isFinite(wanted) || !Number.isFinite(got)) {
      expect.fail(`element ${index} is ${got}, expected ${wanted}`);
    }
    const excess = Math.abs(got - wanted) - (absolute + relative * Math.abs(wanted));
    if (excess > worst.excess) worst = { index, excess };
  }
  if (worst.index < 0) return;
  const { index } = worst;
  expect.fail(
    `element ${index} is ${actual[index]}, expected ${expected[index]} ± ${absolute} ± ${relative}·|expected|`,
  );
}

/** Fails at the first element whose bits differ. */
export function expectSameBits(actual: Float32Array, expected: Float32Array): void {
  expect(actual.length).toBe(expected.length);
  const bits = (values: Float32Array) =>
    new Int32Array(values.buffer, values.byteOffset, values.length);
  const [left, right] = [bits(actual), bits(expected)];
  const index = left.findIndex((value, at) => value !== right[at]);
  if (index < 0) return;
  expect.fail(`element ${index} is ${actual[index]}, expected ${expected[index]} to the bit`);
}
