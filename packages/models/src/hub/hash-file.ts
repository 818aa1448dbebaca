import type { Hash } from "node:crypto";
import { open } from "node:fs/promises";

const chunkBytes = 1 << 20;

/** How {@link hashFile} reports and stops. */
export interface HashFileOptions {
  /** Stops the reading; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each chunk with the bytes hashed so far. */
  readonly onProgress?: ((loadedBytes: number) => void) | undefined;
}

/**
 * Feeds a file to a hash in chunks of 1 MiB, so that memory does not grow with the file.
 *
 * @returns The number of bytes read.
 */
export async function hashFile(
  path: string,
  hash: Hash,
  { signal, onProgress }: HashFileOptions = {},
): Promise<number> {
  const file = await open(path, "r");
  try {
    const buffer = new Uint8Array(chunkBytes);
    let loadedBytes = 0;
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, loadedBytes);
      if (bytesRead === 0) return loadedBytes;
      hash.update(buffer.subarray(0, bytesRead));
      loadedBytes += bytesRead;
      onProgress?.(loadedBytes);
    }
  } finally {
    await file.close();
  }
}
