import { ModelFileError } from "../errors";

/** The `code` of a Node system error: `ENOENT`, `ECONNREFUSED`. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

const explanations: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "read-only file system",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is not a directory",
  EMFILE: "too many open files",
  ENOSPC: "no space left on the disk",
  EDQUOT: "the disk quota is used up",
};

/** A system error in a few words, on one line. */
export function describeSystemError(error: unknown): string {
  const code = systemErrorCode(error);
  const explanation = code === undefined ? undefined : explanations[code];
  if (explanation !== undefined) return explanation;
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ");
}

/**
 * Runs a file-system operation and turns its failure into a {@link ModelFileError} whose
 * `details.reason` is `"storage"`: trying another download source cannot help there.
 */
export async function guardStorage<T>(
  action: string,
  path: string,
  operation: () => Promise<T>,
): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    const systemCode = systemErrorCode(error);
    // An abort, or an error that already says what is wrong.
    if (systemCode === undefined || error instanceof ModelFileError) throw error;
    const message = `cannot ${action} ${path}: ${describeSystemError(error)}`;
    const details = { reason: "storage", path, systemCode };
    throw new ModelFileError(message, details, { cause: error });
  }
}
