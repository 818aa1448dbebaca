import { open } from "node:fs/promises";
import { ModelFileError } from "../errors";
import type { ByteSource } from "../gguf/byte-source";
import { guardStorage } from "./system-error";

/**
 * Opens a file for reading at any offset. Nothing is read before it is asked for.
 *
 * @param path - Path of the file, for example the result of {@link resolveModel}.
 * @returns A source to hand to `loadModel`; close it when done.
 * @throws {@link ModelFileError} when the file is missing, unreadable or not a regular file.
 *
 * @example
 * ```ts
 * const source = await openFile(await resolveModel("smollm2-135m-instruct"));
 * ```
 */
export async function openFile(path: string): Promise<ByteSource> {
  const file = await guardStorage("open", path, () => open(path, "r"));
  try {
    const status = await guardStorage("read", path, () => file.stat());
    if (!status.isFile()) {
      const message = `cannot open ${path}: it is not a regular file; give the path of a .gguf file`;
      throw new ModelFileError(message, { reason: "storage", path });
    }
    const { size } = status;
    return {
      name: path,
      size,
      read: (offset, target, signal) =>
        guardStorage("read", path, async () => {
          for (let done = 0; done < target.length; ) {
            signal?.throwIfAborted();
            const { bytesRead } = await file.read(
              target,
              done,
              target.length - done,
              offset + done,
            );
            if (bytesRead === 0) throw endOfFile(path, offset, target.length, size);
            done += bytesRead;
          }
        }),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function endOfFile(path: string, offset: number, wanted: number, size: number): ModelFileError {
  return new ModelFileError(
    `${path} ends before byte ${offset + wanted} (it has ${size} bytes); fetch the file again`,
    { reason: "truncated", path, offset, wanted, size },
  );
}
