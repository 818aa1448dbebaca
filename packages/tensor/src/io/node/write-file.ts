import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { DataSourceError } from "../../index";
import { isSystemError } from "./system-error";

/**
 * Writes a file so that `path` holds either what it held before, or all of `chunks`, on disk: under
 * another name beside it, then renamed.
 *
 * @throws {DataSourceError} when the disk refuses. Nothing is left behind.
 */
export async function writeFileAtomically(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.part`;
  try {
    const file = await open(temporary, "wx");
    try {
      for await (const chunk of chunks) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    if (!isSystemError(cause)) throw cause;
    const message = `${path} could not be written (${cause.message}); check the folder and the space`;
    throw new DataSourceError(message, { path }, { cause });
  }
}
