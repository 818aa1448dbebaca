import { afterEach, describe, expect, it } from "vitest";
import type { BufferSlice } from "../device/device";
import { KernelFactory } from "./kernel-factory";
import type { KernelSource } from "./kernel-source";

/** Slices of plain memory, as a device would hand them out. */
function memory(values: Float32Array): BufferSlice & { values: Float32Array } {
  const { byteLength } = values;
  return {
    buffer: { byteOffset: 0, byteLength },
    dtype: "float32",
    byteOffset: 0,
    byteLength,
    values,
  };
}

const bytesOf = (slice: BufferSlice) =>
  new Uint8Array((slice as ReturnType<typeof memory>).values.buffer);

const countTo: KernelSource = {
  name: "count-to",
  source: `function (limit) {
    let count = 0;
    for (let i = 0; i < limit; i++) { count += 1; }
    return count;
  }`,
  parameters: ["integer"],
};

const sumRow: KernelSource = {
  name: "sum-row",
  source: `function (x, columns) {
    let sum = 0;
    for (let i = 0; i < columns; i++) { sum += x[this.thread.x][i]; }
    return sum;
  }`,
  parameters: ["array", "integer"],
};

describe.each(["cpu", "webasm"] as const)("KernelFactory in %s mode", (mode) => {
  let factory: KernelFactory;
  afterEach(() => factory.dispose());

  it("runs loops past 1000 iterations whose bound is an argument", async () => {
    factory = await KernelFactory.create(mode);
    const target = memory(new Float32Array(1));
    factory.run(countTo, [1_000_000], [1], bytesOf, target);
    expect([...target.values]).toEqual([1_000_000]);
  });

  it("indexes a matrix by its own width, whatever the output and earlier sizes were", async () => {
    factory = await KernelFactory.create(mode);
    for (const [columns, rows] of [
      [3, 2],
      [5, 1],
      [1, 7],
      [3, 2],
    ] as const) {
      const x = memory(Float32Array.from({ length: columns * rows }, (_, i) => i));
      const target = memory(new Float32Array(rows));
      const argument = { slice: x, sizes: [columns, rows] };
      factory.run(sumRow, [argument, columns], [rows], bytesOf, target);
      const sums = Array.from({ length: rows }, (_, row) =>
        x.values.subarray(row * columns, (row + 1) * columns).reduce((a, b) => a + b, 0),
      );
      expect([...target.values]).toEqual(sums);
    }
  });

  it("refuses sizes that gpu.js cannot index, before it runs", async () => {
    factory = await KernelFactory.create(mode);
    const target = memory(new Float32Array(1));
    expect(() => factory.run(countTo, [1], [2 ** 24], bytesOf, target)).toThrow(/split the work/);
    expect(() => factory.run(countTo, [1], [1, 1, 1, 1], bytesOf, target)).toThrow(/split/);
    const flat = { slice: target, sizes: [2 ** 24] };
    expect(() => factory.run(sumRow, [flat, 1], [1], bytesOf, target)).toThrow(/2\^24/);
  });

  it("keeps a bounded number of kernels", async () => {
    factory = await KernelFactory.create(mode);
    for (let columns = 1; columns <= 600; columns++) {
      const x = memory(new Float32Array(columns).fill(1));
      const target = memory(new Float32Array(1));
      factory.run(sumRow, [{ slice: x, sizes: [columns, 1] }, columns], [1], bytesOf, target);
      expect(target.values[0]).toBe(columns);
    }
    expect(factory.size).toBeLessThanOrEqual(256);
  });

  it("reports a kernel that gpu.js runs in another mode", async () => {
    factory = await KernelFactory.create(mode);
    const other: KernelFactory = await KernelFactory.create(mode === "cpu" ? "webasm" : "cpu");
    Object.defineProperty(other, "mode", { value: mode });
    const target = memory(new Float32Array(1));
    expect(() => other.run(countTo, [1], [1], bytesOf, target)).toThrow(/instead of/);
    other.dispose();
  });
});
