import { describe, expect, it } from "vitest";
import { ModelFileError } from "../errors";
import { byteSourceFromBlob, byteSourceFromBuffer } from "./byte-source";

const bytes = Uint8Array.from({ length: 100 }, (_, index) => index);

const sources = [
  ["buffer", byteSourceFromBuffer(bytes, "test.gguf")],
  ["blob", byteSourceFromBlob(new Blob([bytes.subarray(0, 40), bytes.subarray(40)]), "test.gguf")],
] as const;

describe.each(sources)("a source over a %s", (_, source) => {
  it("knows its name and size", () => {
    expect(source.name).toBe("test.gguf");
    expect(source.size).toBe(100);
  });

  it("fills the target from the offset", async () => {
    const target = new Uint8Array(7);
    await source.read(38, target);
    expect([...target]).toEqual([38, 39, 40, 41, 42, 43, 44]);
    await source.read(93, target);
    expect(target[6]).toBe(99);
    await source.read(100, new Uint8Array(0));
  });

  it.each([
    [99, 2],
    [-1, 1],
    [101, 0],
    [0.5, 1],
    [Number.MAX_VALUE, 1],
  ])("rejects a range outside itself: %d + %d", async (offset, length) => {
    await expect(source.read(offset, new Uint8Array(length))).rejects.toThrow(ModelFileError);
  });

  it("gives up with the reason of the signal", async () => {
    const reason = new Error("no longer wanted");
    const reading = source.read(0, new Uint8Array(1), AbortSignal.abort(reason));
    await expect(reading).rejects.toBe(reason);
  });

  it("can be closed twice", async () => {
    await source.close();
    await source.close();
  });
});

describe("byteSourceFromBlob", () => {
  it("takes the name of a file", () => {
    expect(byteSourceFromBlob(new File([bytes], "picked.gguf")).name).toBe("picked.gguf");
    expect(byteSourceFromBlob(new Blob([bytes])).name).toBe("blob");
  });

  it("says so when the blob cannot be read", async () => {
    const blob = new Blob([bytes]);
    blob.slice = () => {
      throw new DOMException("gone", "NotReadableError");
    };
    await expect(byteSourceFromBlob(blob).read(0, new Uint8Array(1))).rejects.toThrow(
      /^blob: 1 bytes at offset 0 could not be read; open the file again$/,
    );
  });
});
