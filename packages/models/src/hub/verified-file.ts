import { createHash } from "node:crypto";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { type HashFileOptions, hashFile } from "./hash-file";
import { guardStorage, systemErrorCode } from "./system-error";

/** What a file must be. */
export interface ExpectedFile {
  readonly byteLength: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** State of a file against what it must be. */
export type FileVerdict = "valid" | "missing" | "corrupt";

/** What the file looked like when its hash was last computed, as stored beside it. */
interface VerificationStamp extends ExpectedFile {
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/** Path of the stamp that remembers a verified hash. */
function stampPath(path: string): string {
  return `${path}.verified.json`;
}

/**
 * Compares a file with its expected size and SHA-256.
 *
 * The hash is computed once and remembered in a stamp beside the file. The stamp holds for as long
 * as size, modification time and change time stay as they were; the change time is there because a
 * copy or a sync tool can set the modification time back.
 */
export async function verifyFile(
  path: string,
  expected: ExpectedFile,
  options: HashFileOptions = {},
): Promise<FileVerdict> {
  const status = await statOrUndefined(path);
  if (status === undefined) return "missing";
  if (!status.isFile() || status.size !== expected.byteLength) return "corrupt";
  if (await isStamped(path, expected, status)) return "valid";
  const hash = createHash("sha256");
  await guardStorage("read", path, () => hashFile(path, hash, options));
  if (hash.digest("hex") !== expected.sha256) return "corrupt";
  await stampVerified(path, expected);
  return "valid";
}

/** Remembers that `path` was found to be as expected. In a read-only cache it is hashed each time. */
export async function stampVerified(path: string, expected: ExpectedFile): Promise<void> {
  try {
    const { mtimeMs, ctimeMs } = await stat(path);
    const { byteLength, sha256 } = expected;
    const stamp: VerificationStamp = { byteLength, sha256, mtimeMs, ctimeMs };
    await writeFile(stampPath(path), `${JSON.stringify(stamp)}\n`);
  } catch {
    // The stamp only saves time.
  }
}

/** Deletes a file together with its stamp. */
export async function removeVerified(path: string): Promise<void> {
  await guardStorage("delete", path, async () => {
    await rm(stampPath(path), { force: true });
    await rm(path, { force: true, recursive: true });
  });
}

async function isStamped(
  path: string,
  expected: ExpectedFile,
  status: { mtimeMs: number; ctimeMs: number },
): Promise<boolean> {
  try {
    const stamp: Partial<VerificationStamp> = JSON.parse(await readFile(stampPath(path), "utf8"));
    return (
      stamp.sha256 === expected.sha256 &&
      stamp.byteLength === expected.byteLength &&
      stamp.mtimeMs === status.mtimeMs &&
      stamp.ctimeMs === status.ctimeMs
    );
  } catch {
    return false;
  }
}

async function statOrUndefined(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    return guardStorage("read", path, () => Promise.reject(error));
  }
}
