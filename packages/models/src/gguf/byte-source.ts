import { ModelFileError } from "../errors";

/**
 * Random access to the bytes of a model file: a buffer, a `Blob`, an open file, ranges of a URL.
 * Readers ask only for ranges inside `size`.
 */
export interface ByteSource {
  /** What errors call this source: a file name. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /**
   * Fills `target` with the bytes that start at `offset`.
   *
   * @param offset - Bytes from the start of the source.
   * @param target - Filled completely; its length is the number of bytes to read.
   * @param signal - Gives up early: the promise rejects with the signal's reason.
   * @throws {ModelFileError} when the source holds fewer bytes.
   */
  read(offset: number, target: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Frees what the source holds open. Calling it twice does nothing. */
  close(): Promise<void>;
}

/**
 * A source over bytes in memory. The bytes are not copied.
 *
 * @param bytes - The whole file.
 * @param name - What errors call it; default `"buffer"`.
 */
export function byteSourceFromBuffer(bytes: Uint8Array, name = "buffer"): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    async read(offset, target, signal) {
      signal?.throwIfAborted();
      requireRange(name, bytes.byteLength, offset, target.byteLength);
      target.set(bytes.subarray(offset, offset + target.byteLength));
    },
    async close() {},
  };
}

/**
 * A source over a `Blob` or `File`: what a file picker or the browser's private file system gives.
 * Only the ranges that are read come into memory.
 *
 * @param blob - The whole file.
 * @param name - What errors call it; default the `File`'s own name, else `"blob"`.
 */
export function byteSourceFromBlob(blob: Blob, name = nameOf(blob)): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, target, signal) {
      signal?.throwIfAborted();
      requireRange(name, blob.size, offset, target.byteLength);
      let bytes: ArrayBuffer;
      try {
        bytes = await blob.slice(offset, offset + target.byteLength).arrayBuffer();
      } catch (error) {
        throw new ModelFileError(
          `${name}: ${target.byteLength} bytes at offset ${offset} could not be read; open the file again`,
          { name, offset, byteLength: target.byteLength },
          { cause: error },
        );
      }
      signal?.throwIfAborted();
      requireRange(name, offset + bytes.byteLength, offset, target.byteLength);
      target.set(new Uint8Array(bytes));
    },
    async close() {},
  };
}

function nameOf(blob: Blob): string {
  return "name" in blob && typeof blob.name === "string" ? blob.name : "blob";
}

function requireRange(name: string, size: number, offset: number, byteLength: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset + byteLength > size) {
    throw new ModelFileError(
      `${name}: ${byteLength} bytes at offset ${offset} are not in a source of ${size} bytes; read inside it`,
      { name, offset, byteLength, size },
    );
  }
}
