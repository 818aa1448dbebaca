import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openFile } from "./file-source";

describe("openFile", () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "x-models-test-"));
    path = join(folder, "model.gguf");
    await writeFile(path, Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("reads any range", async () => {
    const source = await openFile(path);
    const target = new Uint8Array(3);
    await source.read(4, target);
    await source.close();
    expect(source).toMatchObject({ name: path, size: 8 });
    expect([...target]).toEqual([4, 5, 6]);
  });

  it.each([
    [6, 3],
    [8, 1],
    [100, 1],
  ])("refuses to read past the end: offset %i, %i bytes", async (offset, length) => {
    const source = await openFile(path);
    await expect(source.read(offset, new Uint8Array(length))).rejects.toMatchObject({
      code: "MODEL_FILE",
      details: { reason: "truncated", offset, wanted: length, size: 8 },
    });
    await source.close();
  });

  it("notices a file that was cut while it was open", async () => {
    const source = await openFile(path);
    await truncate(path, 2);
    await expect(source.read(0, new Uint8Array(4))).rejects.toMatchObject({ code: "MODEL_FILE" });
    await source.close();
  });

  it("stops when asked", async () => {
    const source = await openFile(path);
    const reason = new Error("stopped by the test");
    const read = source.read(0, new Uint8Array(4), AbortSignal.abort(reason));
    await expect(read).rejects.toBe(reason);
    await source.close();
  });

  it.each(["missing.gguf", "."])("refuses to open %s", async (name) => {
    await expect(openFile(join(folder, name))).rejects.toMatchObject({
      code: "MODEL_FILE",
      details: { reason: "storage" },
    });
  });
});
