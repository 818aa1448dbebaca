import type { ByteSource } from "./byte-source";
import { DataSourceError } from "./errors";

/** How a URL is requested. */
export interface UrlOptions {
  /** Default: the global `fetch`. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Sent with every request, for example `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Gives up early: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Bytes that the first request brings: they hold the header of most files. */
const prefixBytes = 64 * 1024;

/**
 * A source over a URL, read by HTTP range requests (RFC 9110, section 14). The first one tells the
 * size and brings the first 64 KiB, which are kept.
 *
 * @param url - Where the file is. Errors name it without its query, which may hold secrets.
 * @throws {DataSourceError} when the server does not answer, or not with ranges.
 */
export async function sourceFromUrl(
  url: string | URL,
  { fetch = globalThis.fetch, headers = {}, signal }: UrlOptions = {},
): Promise<ByteSource> {
  const href = String(url);
  const name = nameOf(href);

  const request = async (first: number, last: number, requestSignal?: AbortSignal) => {
    const range = `bytes=${first}-${last}`;
    try {
      const init: RequestInit = { headers: { ...headers, range } };
      if (requestSignal !== undefined) init.signal = requestSignal;
      return await fetch(href, init);
    } catch (cause) {
      requestSignal?.throwIfAborted();
      const message = `${name}: the request for ${range} failed; check the address and the connection`;
      throw new DataSourceError(message, { name, range }, { cause });
    }
  };

  const opening = await request(0, prefixBytes - 1, signal);
  const { last, size } = await rangeOf(name, opening, 0);
  const prefix = new Uint8Array(Math.min(size, prefixBytes));
  if (last !== prefix.length - 1) throw wrongRange(name, opening);
  await fill(name, prefix, opening, signal);
  const validator = opening.headers.get("etag");

  return {
    name,
    size,
    async read(offset, target, readSignal) {
      readSignal?.throwIfAborted();
      const end = offset + target.length;
      if (end <= prefix.length) {
        target.set(prefix.subarray(offset, end));
        return;
      }
      const response = await request(offset, end - 1, readSignal);
      const range = await rangeOf(name, response, offset);
      if (range.size !== size || response.headers.get("etag") !== validator) {
        await response.body?.cancel();
        const message = `${name}: the file changed while it was read; open it again`;
        throw new DataSourceError(message, { name, size, newSize: range.size });
      }
      if (range.last !== end - 1) throw wrongRange(name, response);
      await fill(name, target, response, readSignal);
    },
  };
}

/** The address without credentials, query and fragment. */
function nameOf(href: string): string {
  try {
    const { origin, pathname } = new URL(href);
    return origin === "null" ? pathname : origin + pathname;
  } catch {
    return href.replace(/[?#].*/s, "");
  }
}

/** What a response says that it holds. @throws {DataSourceError} unless it is a range from `first`. */
async function rangeOf(
  name: string,
  response: Response,
  first: number,
): Promise<{ last: number; size: number }> {
  const contentRange = response.headers.get("content-range") ?? "";
  const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange) ?? [];
  if (response.status === 206 && total !== undefined && Number(start) === first) {
    return { last: Number(end), size: Number(total) };
  }
  await response.body?.cancel();
  if (response.status === 206) throw wrongRange(name, response);
  const { status } = response;
  const fix = response.ok
    ? "the server sends no ranges; download the file and open its bytes"
    : "check the address and the permissions";
  throw new DataSourceError(`${name}: answered with status ${status}; ${fix}`, { name, status });
}

function wrongRange(name: string, response: Response): DataSourceError {
  const contentRange = response.headers.get("content-range");
  return new DataSourceError(
    `${name}: answered with the range "${contentRange}", not the one asked for; in a browser, the server must expose the Content-Range header`,
    { name, contentRange },
  );
}

/** Takes exactly `target.length` bytes from a body, and no more than that into memory. */
async function fill(
  name: string,
  target: Uint8Array,
  response: Response,
  signal: AbortSignal | undefined,
): Promise<void> {
  const reader = response.body?.getReader();
  let filled = 0;
  try {
    for (;;) {
      const { done = true, value } = (await reader?.read()) ?? {};
      if (done || value === undefined) break;
      if (filled + value.length > target.length) {
        filled += value.length;
        break;
      }
      target.set(value, filled);
      filled += value.length;
    }
  } catch (cause) {
    signal?.throwIfAborted();
    const message = `${name}: the connection broke after ${filled} of ${target.length} bytes; try again`;
    throw new DataSourceError(message, { name, filled, wanted: target.length }, { cause });
  }
  if (filled === target.length) return;
  await reader?.cancel();
  throw new DataSourceError(
    `${name}: sent another number of bytes than the ${target.length} it announced; turn off compression for the file`,
    { name, wanted: target.length },
  );
}
