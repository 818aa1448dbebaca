import { ModelFileError } from "../errors";
import { describeSystemError, systemErrorCode } from "./system-error";

/** Why a download failed, in `details.reason` of the error. */
export type DownloadFailureReason =
  | "unreachable"
  | "timeout"
  | "interrupted"
  | "http-status"
  | "size-mismatch"
  | "checksum"
  | "storage";

/** Whether the same request may succeed in a moment. */
export function isTransient(failure: ModelFileError): boolean {
  const { reason } = failure.details;
  return reason === "interrupted" || reason === "timeout" || reason === "unreachable";
}

/** Nothing came for too long. */
export function silence(url: string, timeoutMs: number): ModelFileError {
  return new ModelFileError(
    `${hostOf(url)} sent nothing for ${timeoutMs / 1000} s; check the network and run again`,
    { reason: "timeout", url, timeoutMs },
  );
}

/** No connection, or one that broke before the first byte. */
export function unreachable(url: string, error: unknown): ModelFileError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const systemCode = systemErrorCode(cause);
  return new ModelFileError(
    `cannot reach ${hostOf(url)} (${systemCode ?? describeSystemError(cause)}); check the network or set HF_ENDPOINT`,
    { reason: "unreachable", url, systemCode },
    { cause: error },
  );
}

const statusAdvice: Readonly<Record<number, string>> = {
  401: "set HF_TOKEN to a token that may read the repository",
  403: "set HF_TOKEN to a token that may read the repository",
  404: "check HF_ENDPOINT and the name of the model",
};

/** The server answered with an error. */
export function httpFailure(url: string, { status }: Response): ModelFileError {
  const advice = statusAdvice[status] ?? "try again later";
  const message = `${hostOf(url)} answered HTTP ${status}; ${advice}`;
  return new ModelFileError(message, { reason: "http-status", url, status });
}

/** The server has a file of another size. */
export function sizeMismatch(url: string, found: number, expected: number): ModelFileError {
  return new ModelFileError(
    `${hostOf(url)} sent a file of ${found} bytes or more instead of ${expected}; check HF_ENDPOINT`,
    { reason: "size-mismatch", url, found, expected },
  );
}

/** The connection broke after the first byte. */
export function interrupted(
  url: string,
  received: number,
  expected: number,
  cause?: unknown,
): ModelFileError {
  return new ModelFileError(
    `the download from ${hostOf(url)} broke off at ${received} of ${expected} bytes; run again to continue it`,
    { reason: "interrupted", url, received, expected },
    { cause },
  );
}

/** The bytes are not those of the file. */
export function wrongChecksum(url: string, found: string, expected: string): ModelFileError {
  return new ModelFileError(
    `the file from ${hostOf(url)} has SHA-256 ${found.slice(0, 12)}… instead of ${expected.slice(0, 12)}… and was deleted; try again or use another source`,
    { reason: "checksum", url, found, expected },
  );
}

function hostOf(url: string): string {
  return new URL(url).host;
}
