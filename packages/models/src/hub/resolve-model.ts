import { access, constants, mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ModelFileError } from "../errors";
import { defaultCacheDirectory } from "./cache-directory";
import { downloadFile } from "./download-file";
import { acquireFileLock } from "./file-lock";
import { type ModelRegistry, type ModelRegistryEntry, modelRegistry } from "./model-registry";
import { describeSystemError, guardStorage } from "./system-error";
import { type FileVerdict, removeVerified, stampVerified, verifyFile } from "./verified-file";

/** What {@link resolveModel} is doing. */
export type DownloadProgress =
  /** The hash of a cached file is being computed; once per file, not at each start. */
  | { readonly type: "verify-progress"; readonly loadedBytes: number; readonly totalBytes: number }
  /** The cached file is not what it must be, and was deleted. */
  | { readonly type: "cache-discard"; readonly path: string }
  /** Another process downloads the same file; this one waits for it. */
  | { readonly type: "download-wait" }
  | {
      readonly type: "download-progress";
      /** Host name, or the name that the fallback gives to its source. */
      readonly source: string;
      readonly loadedBytes: number;
      readonly totalBytes: number;
    }
  /** The connection broke and the download goes on from there. */
  | { readonly type: "download-retry"; readonly reason: string }
  /** The hub failed; the fallback begins. */
  | { readonly type: "fallback-start"; readonly reason: string };

/** What a fallback has to do: put the file of `entry` at `targetPath`. */
export interface FallbackRequest {
  /** Name of the model in the registry. */
  readonly name: string;
  readonly entry: ModelRegistryEntry;
  /** A path in the cache that does not exist yet. It is verified and renamed afterwards. */
  readonly targetPath: string;
  readonly signal?: AbortSignal | undefined;
  /** To be called as the work goes on. */
  readonly onProgress: (progress: DownloadProgress) => void;
}

/** Options of {@link resolveModel}. */
export interface ResolveModelOptions {
  /** Folder for downloaded models. Default: {@link defaultCacheDirectory}. */
  readonly cacheDirectory?: string | undefined;
  /** Stops the work; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called as the work goes on. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Another source for the same file, used when the hub fails. Default: none. */
  readonly fallback?: ((request: FallbackRequest) => Promise<void>) | undefined;
  /** Models by name. Default: {@link modelRegistry}. */
  readonly registry?: ModelRegistry | undefined;
  /** Base URL of the hub. Default: `$HF_ENDPOINT`, else `https://huggingface.co`. */
  readonly endpoint?: string | undefined;
  /** Access token for the hub. Default: `$HF_TOKEN`. Never part of an error. */
  readonly token?: string | undefined;
  /** Longest wait for the hub's first byte, in milliseconds. Default 5000. */
  readonly firstByteTimeoutMs?: number | undefined;
  /** Longest silence in the middle of a download, in milliseconds. Default 30000. */
  readonly stallTimeoutMs?: number | undefined;
  /** Pause before a broken download is continued, in milliseconds, doubled each time. Default 500. */
  readonly retryDelayMs?: number | undefined;
}

/** A registered model and its file in the cache. */
export interface CachedModel {
  readonly name: string;
  readonly entry: ModelRegistryEntry;
  /** Where the file is, or would be. */
  readonly path: string;
  readonly state: FileVerdict;
}

/**
 * Finds the file of a model: a name from the registry, or the path of a `.gguf` file.
 *
 * A named model comes from the cache when its file there is intact, else from the Hugging Face hub,
 * else from `fallback`. Only a file whose SHA-256 is the registered one ever gets its final name;
 * several processes may ask at once, and one downloads.
 *
 * @returns Path of a file that exists.
 * @throws {@link ModelFileError} when the name is unknown, or no source has the file.
 *
 * @example
 * ```ts
 * const path = await resolveModel("smollm2-135m-instruct", {
 *   onProgress: (progress) => console.error(progress.type),
 * });
 * ```
 */
export async function resolveModel(
  nameOrPath: string,
  options: ResolveModelOptions = {},
): Promise<string> {
  const { signal, onProgress, registry = modelRegistry } = options;
  signal?.throwIfAborted();
  const entry = findEntry(registry, nameOrPath);
  if (entry === undefined) return resolvePath(nameOrPath, registry);

  const path = cachedPath(nameOrPath, entry, options);
  const verify = () =>
    verifyFile(path, entry, {
      signal,
      onProgress: (loadedBytes) =>
        onProgress?.({ type: "verify-progress", loadedBytes, totalBytes: entry.byteLength }),
    });
  if ((await verify()) === "valid") return path;

  await guardStorage("create", dirname(path), () => mkdir(dirname(path), { recursive: true }));
  const lock = await acquireFileLock(`${path}.lock`, {
    signal,
    onWait: () => onProgress?.({ type: "download-wait" }),
  });
  try {
    const verdict = await verify();
    if (verdict === "valid") return path;
    if (verdict === "corrupt") {
      await removeVerified(path);
      onProgress?.({ type: "cache-discard", path });
    }
    await fetchInto(path, nameOrPath, entry, options);
    await stampVerified(path, entry);
    return path;
  } finally {
    await lock.release();
  }
}

/**
 * Looks up a registered model in the cache, without the network.
 *
 * @throws {@link ModelFileError} when the name is unknown.
 */
export async function findCachedModel(
  name: string,
  options: Pick<ResolveModelOptions, "cacheDirectory" | "registry" | "signal"> = {},
): Promise<CachedModel> {
  const registry: ModelRegistry = options.registry ?? modelRegistry;
  const entry = findEntry(registry, name);
  if (entry === undefined) throw unknownModel(name, registry);
  const path = cachedPath(name, entry, options);
  return { name, entry, path, state: await verifyFile(path, entry, { signal: options.signal }) };
}

async function fetchInto(
  path: string,
  name: string,
  entry: ModelRegistryEntry,
  options: ResolveModelOptions,
): Promise<void> {
  const { signal, fallback, onProgress } = options;
  const partPath = `${path}.part`;
  try {
    await downloadFromHub(partPath, entry, options);
    await guardStorage("rename", partPath, () => rename(partPath, path));
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof ModelFileError)) throw error;
    if (fallback === undefined || error.details.reason === "storage") throw error;
    onProgress?.({ type: "fallback-start", reason: error.message });
    await fetchFromFallback(path, name, entry, options, fallback, error);
    await rm(partPath, { force: true });
    await rm(`${partPath}.etag`, { force: true });
  }
}

async function downloadFromHub(
  partPath: string,
  entry: ModelRegistryEntry,
  options: ResolveModelOptions,
): Promise<void> {
  const url = hubUrl(entry, options.endpoint ?? process.env.HF_ENDPOINT);
  const { signal, firstByteTimeoutMs, stallTimeoutMs, retryDelayMs } = options;
  await downloadFile({
    signal,
    firstByteTimeoutMs,
    stallTimeoutMs,
    retryDelayMs,
    url: url.href,
    partPath,
    byteLength: entry.byteLength,
    sha256: entry.sha256,
    token: validToken(options.token ?? process.env.HF_TOKEN),
    onProgress: (loadedBytes) =>
      options.onProgress?.({
        type: "download-progress",
        source: url.host,
        loadedBytes,
        totalBytes: entry.byteLength,
      }),
    onRetry: (reason) => options.onProgress?.({ type: "download-retry", reason }),
  });
}

async function fetchFromFallback(
  path: string,
  name: string,
  entry: ModelRegistryEntry,
  { signal, onProgress }: ResolveModelOptions,
  fallback: NonNullable<ResolveModelOptions["fallback"]>,
  hubFailure: ModelFileError,
): Promise<void> {
  const targetPath = `${path}.fallback`;
  try {
    await rm(targetPath, { force: true });
    await fallback({ name, entry, targetPath, signal, onProgress: onProgress ?? (() => {}) });
    const verdict = await verifyFile(targetPath, entry, { signal });
    if (verdict !== "valid") {
      const message = `its file is ${verdict === "missing" ? "missing" : "not the registered one"}`;
      throw new ModelFileError(message, { reason: "checksum", expected: entry.sha256 });
    }
    await guardStorage("rename", targetPath, () => rename(targetPath, path));
  } catch (error) {
    signal?.throwIfAborted();
    throw new ModelFileError(
      `cannot fetch ${name}: ${hubFailure.message}; the fallback failed too: ${describeSystemError(error)}`,
      { ...hubFailure.details, fallback: describeSystemError(error) },
      { cause: error },
    );
  } finally {
    await removeVerified(targetPath);
  }
}

function cachedPath(
  name: string,
  entry: ModelRegistryEntry,
  { cacheDirectory = defaultCacheDirectory() }: Pick<ResolveModelOptions, "cacheDirectory">,
): string {
  return join(cacheDirectory, name, entry.file);
}

function hubUrl(entry: ModelRegistryEntry, endpoint = "https://huggingface.co"): URL {
  const base = endpoint.replace(/\/+$/, "");
  const url = `${base}/${entry.repository}/resolve/${entry.revision}/${entry.file}`;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed?.protocol.startsWith("http") || parsed.username !== "") {
    // Not quoted: an address with a password in it must not reach a log.
    const message = "HF_ENDPOINT is not a plain http(s) address; correct it or unset it";
    throw new ModelFileError(message, { reason: "unreachable" });
  }
  return parsed;
}

function validToken(token: string | undefined): string | undefined {
  const trimmed = token?.trim();
  if (!trimmed || /^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  const message = "HF_TOKEN holds characters that no token has; correct it or unset it";
  throw new ModelFileError(message, { reason: "unreachable" });
}

function findEntry(registry: ModelRegistry, name: string): ModelRegistryEntry | undefined {
  return Object.hasOwn(registry, name) ? registry[name] : undefined;
}

async function resolvePath(path: string, registry: ModelRegistry): Promise<string> {
  const status = await stat(path).catch(() => undefined);
  if (status === undefined && !looksLikePath(path)) throw unknownModel(path, registry);
  await guardStorage("open", path, () => access(path, constants.R_OK));
  if (status?.isFile() !== true) {
    const message = `cannot open ${path}: it is not a file; give the path of a .gguf file`;
    throw new ModelFileError(message, { reason: "storage", path });
  }
  return path;
}

function looksLikePath(text: string): boolean {
  return /[\\/]/.test(text) || text.toLowerCase().endsWith(".gguf");
}

function unknownModel(name: string, registry: ModelRegistry): ModelFileError {
  const known = Object.keys(registry);
  return new ModelFileError(
    `unknown model ${JSON.stringify(name)}; known models: ${known.join(", ")}, or give the path of a .gguf file`,
    { reason: "unknown-model", name, known },
  );
}
