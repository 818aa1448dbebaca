import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { ModelFileError } from "../errors";
import {
  httpFailure,
  interrupted,
  isTransient,
  silence,
  sizeMismatch,
  unreachable,
  wrongChecksum,
} from "./download-failure";
import { hashFile } from "./hash-file";
import { guardStorage } from "./system-error";
import type { ExpectedFile } from "./verified-file";
import { SilenceError, Watchdog } from "./watchdog";

/** What {@link downloadFile} fetches and how. */
export interface DownloadFileOptions extends ExpectedFile {
  readonly url: string;
  /** Where the bytes go. A part from an earlier attempt is continued when the server allows it. */
  readonly partPath: string;
  /** Sent as a bearer token; never part of a message. */
  readonly token?: string | undefined;
  /** Stops the download; the part stays for the next attempt. */
  readonly signal?: AbortSignal | undefined;
  /** Longest wait for the first byte of the file, in milliseconds. Default 5000. */
  readonly firstByteTimeoutMs?: number | undefined;
  /** Longest pause between two pieces of the file, in milliseconds. Default 30000. */
  readonly stallTimeoutMs?: number | undefined;
  /** Pause before the first of up to three retries, doubled each time. Default 500. */
  readonly retryDelayMs?: number | undefined;
  readonly onProgress?: ((loadedBytes: number) => void) | undefined;
  /** Called before an interrupted download is continued. */
  readonly onRetry?: ((reason: string) => void) | undefined;
}

const maximumFailures = 3;
/** An attempt that moved this many bytes is worth another three. */
const worthwhileBytes = 1 << 20;

/**
 * Downloads a file of known size and SHA-256 to `partPath`, and leaves only verified bytes there.
 *
 * The hash is computed while the bytes arrive. A cut connection is continued from where it broke
 * (`Range`, with `If-Range` so that a changed file starts anew); a server that cannot be reached at
 * all, or answers with an error, is not tried again.
 *
 * @throws {@link ModelFileError} with a `DownloadFailureReason` in `details.reason`.
 */
export async function downloadFile(options: DownloadFileOptions): Promise<void> {
  const { signal, onRetry, retryDelayMs = 500 } = options;
  let failures = 0;
  for (;;) {
    const transfer = new Transfer(options);
    try {
      return await transfer.run();
    } catch (error) {
      signal?.throwIfAborted();
      const failure = transfer.explain(error);
      if (transfer.receivedBytes >= worthwhileBytes) failures = 0;
      failures += 1;
      const mayRecover = transfer.receivedBytes > 0 || failures > 1;
      if (!isTransient(failure) || !mayRecover || failures > maximumFailures) throw failure;
      onRetry?.(failure.message);
      await delay(retryDelayMs * 2 ** (failures - 1), undefined, { signal }).catch(() =>
        signal?.throwIfAborted(),
      );
    }
  }
}

/** One request and the bytes that came with it. */
class Transfer {
  /** Bytes that this request brought. */
  receivedBytes = 0;
  /** Bytes of the file that are in the part. */
  #position = 0;
  readonly #options: DownloadFileOptions;

  constructor(options: DownloadFileOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { partPath, byteLength, signal, stallTimeoutMs = 30_000 } = this.#options;
    const resumePoint = await this.#findResumePoint();
    if (resumePoint.offset === byteLength) return this.#finish(resumePoint.hash);

    const watchdog = new Watchdog(this.#options.firstByteTimeoutMs ?? 5_000);
    const signals = signal === undefined ? [watchdog.signal] : [watchdog.signal, signal];
    try {
      const response = await this.#request(resumePoint, AbortSignal.any(signals));
      const continues = response.status === 206;
      const hash = continues ? resumePoint.hash : createHash("sha256");
      const offset = continues ? resumePoint.offset : 0;
      const file = await guardStorage("write", partPath, () =>
        open(partPath, continues ? "r+" : "w"),
      );
      try {
        if (!continues) await this.#rememberEtag(response);
        await this.#receive(response, file, hash, offset, () => watchdog.restart(stallTimeoutMs));
        await guardStorage("write", partPath, () => file.sync());
      } finally {
        await file.close();
      }
      await this.#finish(hash);
    } finally {
      watchdog.stop();
    }
  }

  /** Names the cause of a failed {@link run}. */
  explain(error: unknown): ModelFileError {
    const { url, byteLength } = this.#options;
    if (error instanceof ModelFileError) return error;
    if (error instanceof SilenceError) return silence(url, error.timeoutMs);
    if (this.receivedBytes > 0) return interrupted(url, this.#position, byteLength, error);
    return unreachable(url, error);
  }

  /** Hashes what an earlier attempt left, when it can be continued safely. */
  async #findResumePoint(): Promise<{ offset: number; etag: string; hash: Hash }> {
    const { partPath, byteLength, signal } = this.#options;
    const hash = createHash("sha256");
    const etag = await readTextOrEmpty(etagPath(partPath));
    const size = await sizeOrZero(partPath);
    if (etag === "" || size === 0 || size > byteLength) return { offset: 0, etag: "", hash };
    const offset = await guardStorage("read", partPath, () => hashFile(partPath, hash, { signal }));
    return { offset, etag, hash };
  }

  async #request(
    resumePoint: { offset: number; etag: string },
    signal: AbortSignal,
  ): Promise<Response> {
    const { url, token, byteLength } = this.#options;
    // The size and hash are those of the file itself, so it must not come compressed.
    const headers = new Headers({ "accept-encoding": "identity" });
    if (token) headers.set("authorization", `Bearer ${token}`);
    if (resumePoint.offset > 0) {
      headers.set("range", `bytes=${resumePoint.offset}-`);
      headers.set("if-range", resumePoint.etag);
    }
    const response = await fetch(url, { headers, signal });
    const length = response.headers.get("content-length");
    const isWhole = response.status === 200 && (length === null || Number(length) === byteLength);
    if (isWhole || isContinuation(response, resumePoint, byteLength)) return response;

    await response.body?.cancel();
    if (response.status === 200) throw sizeMismatch(url, Number(length), byteLength);
    // The server cannot continue this part: ask once more, for the whole file.
    const isRangeAnswer = response.status === 206 || response.status === 416;
    if (isRangeAnswer && resumePoint.offset > 0) {
      return this.#request({ offset: 0, etag: "" }, signal);
    }
    throw httpFailure(url, response);
  }

  async #receive(
    response: Response,
    file: FileHandle,
    hash: Hash,
    offset: number,
    onChunk: () => void,
  ): Promise<void> {
    const { url, partPath, byteLength, onProgress } = this.#options;
    const reader = response.body?.getReader();
    this.#position = offset;
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      if (done || value === undefined) break;
      onChunk();
      if (this.#position + value.length > byteLength) {
        await reader?.cancel();
        await this.#discardPart();
        throw sizeMismatch(url, this.#position + value.length, byteLength);
      }
      hash.update(value);
      await guardStorage("write", partPath, () => writeFully(file, value, this.#position));
      this.#position += value.length;
      this.receivedBytes += value.length;
      onProgress?.(this.#position);
    }
    if (this.#position < byteLength) throw interrupted(url, this.#position, byteLength);
  }

  async #rememberEtag(response: Response): Promise<void> {
    const path = etagPath(this.#options.partPath);
    const etag = response.headers.get("etag");
    // A weak tag promises the same meaning, not the same bytes.
    const isStrong = etag?.startsWith('"') === true;
    await guardStorage("write", path, () =>
      isStrong ? writeFile(path, etag) : rm(path, { force: true }),
    );
  }

  async #finish(hash: Hash): Promise<void> {
    const { url, partPath, sha256 } = this.#options;
    const found = hash.digest("hex");
    if (found === sha256) return rm(etagPath(partPath), { force: true });
    await this.#discardPart();
    throw wrongChecksum(url, found, sha256);
  }

  async #discardPart(): Promise<void> {
    const { partPath } = this.#options;
    await rm(etagPath(partPath), { force: true });
    await rm(partPath, { force: true });
  }
}

function isContinuation(
  response: Response,
  { offset, etag }: { offset: number; etag: string },
  byteLength: number,
): boolean {
  if (response.status !== 206 || offset === 0) return false;
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
  const total = range?.[3];
  const newEtag = response.headers.get("etag");
  return (
    Number(range?.[1]) === offset &&
    (total === "*" || Number(total) === byteLength) &&
    // Some servers ignore If-Range.
    (newEtag === null || newEtag === etag)
  );
}

/** Remembers which version of the file the part belongs to. */
function etagPath(partPath: string): string {
  return `${partPath}.etag`;
}

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function sizeOrZero(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

async function readTextOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return "";
  }
}
