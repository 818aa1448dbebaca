import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Device,
  gather,
  LimitError,
  matmul,
  mul,
  ones,
  sum,
  take,
  tensor,
  tidy,
} from "../src/index";
import { expectAllClose } from "./support/all-close";
import { hostCases } from "./support/devices";

/** More elements than float32 counts one by one: there, an index that is a float32 goes astray. */
const [rows, columns] = [4099, 4099];
const size = rows * columns;

/** A value that tells its place apart from its neighbours', exact in float32. */
const valueAt = (flat: number) => (flat * 7919) % 8191;

describe.each(hostCases)("more than 2^24 elements on $label", ({ create }) => {
  let device: Device;
  const values = Float32Array.from({ length: size }, (_, flat) => valueAt(flat));
  const last = Array.from({ length: 5 }, (_, index) => rows - 1 - index);
  beforeAll(async () => {
    device = await create();
    expect(size).toBeGreaterThan(2 ** 24);
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
    device.dispose();
  });

  it("sum, of all and along both dimensions", () => {
    tidy(() => {
      const matrix = tensor(values, [rows, columns], { device });
      const total = values.reduce((sumSoFar, value) => sumSoFar + value, 0);
      expectAllClose(sum(matrix).dataSync(), [total], { relative: 1e-5 });
      const ofRow = (row: number) =>
        values.subarray(row * columns, (row + 1) * columns).reduce((a, b) => a + b, 0);
      const rowSums = sum(matrix, { axis: 1 }).dataSync();
      expectAllClose(
        last.map((row) => rowSums[row]!),
        last.map(ofRow),
        { relative: 1e-5 },
      );
    });
  });

  it("matmul, with the large operand on either side", () => {
    tidy(() => {
      const matrix = tensor(values, [rows, columns], { device });
      // Picks the last row, and the last column.
      const picker = mul(ones([1, rows], { device }), 0);
      const row = new Float32Array(rows);
      row[rows - 1] = 1;
      const pickRow = tensor(row, [1, rows], { device });
      const lastRow = matmul(pickRow, matrix).dataSync();
      const lastColumn = matmul(matrix, pickRow.transpose()).dataSync();
      const expectedRow = Array.from({ length: columns }, (_, c) =>
        valueAt((rows - 1) * columns + c),
      );
      const expectedColumn = Array.from({ length: rows }, (_, r) =>
        valueAt(r * columns + columns - 1),
      );
      expectAllClose(lastRow, expectedRow);
      expectAllClose(lastColumn, expectedColumn);
      expectAllClose(matmul(picker, matrix).dataSync(), new Float32Array(columns));
    });
  });

  it("take and gather from the end", () => {
    tidy(() => {
      const matrix = tensor(values, [rows, columns], { device });
      const ids = tensor(last, [5], { device, dtype: "int32" });
      const expected = last.flatMap((row) =>
        Array.from({ length: columns }, (_, column) => valueAt(row * columns + column)),
      );
      expectAllClose(take(matrix, ids).dataSync(), expected);
      const index = tensor(new Int32Array(rows).fill(columns - 1), [rows, 1], {
        device,
        dtype: "int32",
      });
      const picked = gather(matrix, 1, index).dataSync();
      expectAllClose(
        picked,
        Array.from({ length: rows }, (_, row) => valueAt(row * columns + columns - 1)),
      );
    });
  });

  it("refuses an index dimension that float32 cannot count, unless its kernel can", () => {
    tidy(() => {
      const content = new Float32Array(2 ** 24 + 3);
      content[2 ** 24 + 1] = 7;
      const long = tensor(content, [content.length], { device });
      const index = tensor([2 ** 24 + 1], [1], { device, dtype: "int32" });
      try {
        expectAllClose(take(long, index).dataSync(), [7]);
      } catch (error) {
        expect(error).toBeInstanceOf(LimitError);
      }
    });
  });
});
