import { LimitError } from "../errors";
import { DataSourceError } from "./errors";

/**
 * Random access to the bytes of a file: a buffer, a `Blob`, a file on disk, ranges of a URL. Readers
 * ask only for ranges inside `size`.
 */
export interface ByteSource {
  /** What errors call this source: a file name, a URL. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /**
   * Fills `target` with the bytes that start at `offset`.
   *
   * @param offset - Bytes from the start of the source.
   * @param target - Filled completely; its length is the number of bytes to read.
   * @param signal - Gives up early: the promise rejects with the signal's reason.
   * @throws {DataSourceError} when the source cannot give these bytes.
   */
  read(offset: number, target: Uint8Array, signal?: AbortSignal): Promise<void>;
}

/**
 * A source over bytes in memory, which are not copied.
 *
 * @param bytes - The whole file.
 */
export function sourceFromBytes(bytes: Uint8Array): ByteSource {
  return {
    name: "buffer",
    size: bytes.byteLength,
    async read(offset, target, signal) {
      signal?.throwIfAborted();
      target.set(bytes.subarray(offset, offset + target.byteLength));
    },
  };
}

/**
 * A source over a `Blob` or `File`: what a file picker or the browser's private file system gives.
 * Only the ranges that are read come into memory.
 *
 * @param blob - The whole file.
 */
export function sourceFromBlob(blob: Blob): ByteSource {
  const name = "name" in blob && typeof blob.name === "string" ? blob.name : "blob";
  return {
    name,
    size: blob.size,
    async read(offset, target, signal) {
      signal?.throwIfAborted();
      const range = { offset, byteLength: target.byteLength };
      let bytes: ArrayBuffer;
      try {
        bytes = await blob.slice(offset, offset + target.byteLength).arrayBuffer();
      } catch (cause) {
        const message = `${name}: ${target.byteLength} bytes at ${offset} could not be read; open the file again`;
        throw new DataSourceError(message, { name, ...range }, { cause });
      }
      signal?.throwIfAborted();
      target.set(new Uint8Array(bytes));
    },
  };
}

/**
 * Reads a range into memory of its own.
 *
 * @throws {LimitError} when the engine has no array of that length.
 */
export async function readRange(
  source: ByteSource,
  offset: number,
  byteLength: number,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  let target: Uint8Array<ArrayBuffer>;
  try {
    target = new Uint8Array(byteLength);
  } catch (cause) {
    throw new LimitError(
      `${source.name}: ${byteLength} bytes do not fit into memory at once; read a smaller tensor`,
      { name: source.name, byteLength },
      { cause },
    );
  }
  if (byteLength > 0) await source.read(offset, target, signal);
  return target;
}
