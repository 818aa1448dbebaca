import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createDevice,
  type Device,
  DisposedError,
  DTypeError,
  openSafetensors,
  SafetensorsError,
  safetensorsChunks,
  type Tensor,
  tensor,
  writeSafetensors,
} from "../../src/index";
import { fixtureBytes } from "./support";

describe("writeSafetensors", () => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("cpu");
  });
  afterAll(() => device.dispose());

  it("writes the bytes that the reference writes", async () => {
    const reference = fixtureBytes("layout.safetensors");
    const file = await openSafetensors(reference);
    const tensors = new Map<string, Tensor>();
    for (const name of [...file.names].reverse()) {
      tensors.set(name, await file.read(name, { device }));
    }
    const metadata = { "made by": 'the "reference"' };
    expect(await writeSafetensors(tensors, { metadata })).toEqual(reference);
    for (const made of tensors.values()) made.dispose();
  });

  it("writes a file without tensors", async () => {
    const file = await openSafetensors(await writeSafetensors({}));
    expect(file.names).toEqual([]);
    expect(file.metadata.size).toBe(0);
  });

  it("writes views in row-major order", async () => {
    using matrix = tensor([1, 2, 3, 4, 5, 6], [2, 3], { device });
    using columns = matrix.transpose();
    using row = columns.slice(0, 1, 2);
    const file = await openSafetensors(await writeSafetensors({ columns, row }));
    using read = await file.read("columns", { device });
    expect(read.shape).toEqual([3, 2]);
    expect([...read.dataSync()]).toEqual([1, 4, 2, 5, 3, 6]);
    using readRow = await file.read("row", { device });
    expect([...readRow.dataSync()]).toEqual([2, 5]);
  });

  it("gives back what it was given, whatever the names and sizes", async () => {
    const shape = fc.array(fc.nat(4), { maxLength: 4 });
    const named = fc.dictionary(fc.string({ unit: "grapheme" }), shape, { maxKeys: 8 });
    const texts = fc.dictionary(fc.string(), fc.string({ unit: "grapheme" }), { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(
        named,
        texts,
        fc.infiniteStream(fc.integer()),
        async (shapes, metadata, numbers) => {
          const tensors: Record<string, Tensor> = Object.create(null);
          for (const [name, sizes] of Object.entries(shapes)) {
            const size = sizes.reduce((product, length) => product * length, 1);
            const values = Array.from({ length: size }, () => numbers.next().value);
            const dtype = size % 2 === 0 ? "int32" : "float32";
            tensors[name] = tensor(values, sizes, { device, dtype });
          }
          const file = await openSafetensors(await writeSafetensors(tensors, { metadata }));
          expect(new Map(Object.entries(metadata))).toEqual(file.metadata);
          expect([...file.names].sort()).toEqual(Object.keys(tensors).sort());
          for (const [name, original] of Object.entries(tensors)) {
            using read = await file.read(name, { device });
            expect(read.shape).toEqual(original.shape);
            expect(read.dtype).toBe(original.dtype);
            expect(await read.data()).toEqual(await original.data());
            original.dispose();
          }
        },
      ),
      { numRuns: 100 },
    );
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
  });

  it("refuses what a file cannot hold, before it reads any tensor", async () => {
    using good = tensor([1], [1], { device });
    using packed = tensor(new Uint8Array(18), [32], { device, dtype: "q4_0" });
    await expect(writeSafetensors({ good, packed })).rejects.toThrow(DTypeError);
    await expect(writeSafetensors({ good, packed })).rejects.toThrow(/"packed" is q4_0/);
    const wrong: [Record<string, Tensor>, Record<string, string>][] = [
      [{ __metadata__: good }, {}],
      [{ "\ud800": good }, {}],
      [{ good }, { "\udfff": "" }],
      [{ good }, { a: "\udfff" }],
      [{ good }, { a: 1 as unknown as string }],
    ];
    for (const [tensors, metadata] of wrong) {
      await expect(writeSafetensors(tensors, { metadata })).rejects.toThrow(SafetensorsError);
    }
    const gone = tensor([1], [1], { device });
    gone.dispose();
    await expect(writeSafetensors({ gone })).rejects.toThrow(DisposedError);
  });

  it("gives up between tensors when told to", async () => {
    using a = tensor([1], [1], { device });
    const controller = new AbortController();
    const chunks = safetensorsChunks({ a, b: a }, { signal: controller.signal });
    await chunks.next();
    await chunks.next();
    controller.abort(new Error("enough"));
    await expect(chunks.next()).rejects.toThrow("enough");
  });
});
