import { readFileSync } from "node:fs";
import type { ByteSource } from "../../src/index";

/** The bytes of a fixture that `tools/oracles/safetensors_files.py` wrote. */
export function fixtureBytes(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`../fixtures/safetensors/${name}`, import.meta.url)));
}

/** A file with the given header, which may be wrong in any way. */
export function fileOf(header: string, data: ArrayLike<number> = []): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

/** A source that notes what is read from it, and fails on a read outside. */
export function watchedSource(bytes: Uint8Array): ByteSource & { reads: [number, number][] } {
  const reads: [number, number][] = [];
  return {
    name: "watched",
    size: bytes.length,
    reads,
    async read(offset, target, signal) {
      signal?.throwIfAborted();
      if (offset < 0 || offset + target.length > bytes.length) {
        throw new RangeError(`read of ${target.length} bytes at ${offset} of ${bytes.length}`);
      }
      reads.push([offset, target.length]);
      target.set(bytes.subarray(offset, offset + target.length));
    },
  };
}
