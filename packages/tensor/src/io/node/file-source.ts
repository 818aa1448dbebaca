import { type FileHandle, open } from "node:fs/promises";
import { type ByteSource, DataSourceError } from "../../index";
import { isSystemError } from "./system-error";

/**
 * A source over a file on disk. Each read opens the file anew, so that nothing has to be closed, and
 * sees whether it is still the same.
 *
 * @param path - Path of the file.
 * @throws {DataSourceError} when the file is missing, unreadable or not a regular file.
 */
export async function sourceFromFile(path: string): Promise<ByteSource> {
  const { size, mtimeMs } = await withFile(path, async (file) => {
    const status = await file.stat();
    if (status.isFile()) return status;
    throw new DataSourceError(`${path} is not a regular file; give the path of one`, { path });
  });
  return {
    name: path,
    size,
    read: (offset, target, signal) =>
      withFile(path, async (file) => {
        signal?.throwIfAborted();
        const status = await file.stat();
        if (status.size !== size || status.mtimeMs !== mtimeMs) throw changed(path);
        const isFilled = await fill(file, offset, target, signal);
        if (!isFilled) throw changed(path);
      }),
  };
}

/** Whether the file has as many bytes as `target` takes. */
async function fill(
  file: FileHandle,
  offset: number,
  target: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (let done = 0; done < target.length; ) {
    signal?.throwIfAborted();
    // In pieces, so that giving up does not wait for gigabytes.
    const length = Math.min(target.length - done, 2 ** 24);
    const { bytesRead } = await file.read(target, done, length, offset + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}

function changed(path: string): DataSourceError {
  return new DataSourceError(`${path} changed while it was read; open it again`, { path });
}

async function withFile<Result>(
  path: string,
  use: (file: FileHandle) => Promise<Result>,
): Promise<Result> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    return await use(file);
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    const message = `${path} could not be read (${cause.message}); check the path and the permissions`;
    throw new DataSourceError(message, { path }, { cause });
  } finally {
    await file?.close();
  }
}
