/**
 * Files of tensors for Node.
 *
 * @packageDocumentation
 */
import { fileURLToPath } from "node:url";
import {
  type Named,
  openSafetensors as openAnywhere,
  type SafetensorsFile,
  type SafetensorsSource,
  safetensorsChunks,
  type Tensor,
  type UrlOptions,
  type WriteSafetensorsOptions,
} from "./index";
import { sourceFromFile } from "./io/node/file-source";
import { writeFileAtomically } from "./io/node/write-file";

/**
 * As `openSafetensors` of `@x/tensor`, and opens files on disk: text that does not start with
 * `http://` or `https://` is a path, and so is a `file:` URL.
 *
 * @throws {SafetensorsError} when the file is malformed, truncated or inconsistent.
 * @throws {DataSourceError} when the source cannot be read.
 *
 * @example
 * ```ts
 * const file = await openSafetensors("model.safetensors");
 * using weight = await file.read("embed.weight", { device });
 * ```
 */
export async function openSafetensors(
  source: SafetensorsSource,
  options: UrlOptions = {},
): Promise<SafetensorsFile> {
  const path = pathOf(source);
  return openAnywhere(path === undefined ? source : await sourceFromFile(path), options);
}

/**
 * Writes tensors to a safetensors file: whole or not at all, and one tensor in memory at a time.
 *
 * @param path - Replaced when it exists.
 * @param tensors - By name. Views are written in row-major order.
 * @throws {DTypeError} when a dtype is not one of the format.
 * @throws {SafetensorsError} when a name or the metadata cannot be written.
 * @throws {DataSourceError} when the disk refuses.
 *
 * @example
 * ```ts
 * await saveSafetensors("model.safetensors", { weight, bias });
 * ```
 */
export async function saveSafetensors(
  path: string | URL,
  tensors: Named<Tensor>,
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  const file = typeof path === "string" ? path : fileURLToPath(path);
  await writeFileAtomically(file, safetensorsChunks(tensors, options));
}

/** The path that a source names, if it does. */
function pathOf(source: SafetensorsSource): string | undefined {
  if (source instanceof URL) return source.protocol === "file:" ? fileURLToPath(source) : undefined;
  return typeof source === "string" && !/^https?:\/\//i.test(source) ? source : undefined;
}
