import type { PageFile } from "../page-files";

/**
 * The page may use what this server sends and nothing else, and never makes markup out of text.
 * https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/trusted-types/
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** A file of the page; 304 when the browser has it already. */
export function sendPageFile({ headers }: Request, file: PageFile): Response {
  const answerHeaders = {
    "cache-control": "no-cache",
    "content-security-policy": contentSecurityPolicy,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    etag: file.etag,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
  const known = headers.get("if-none-match") ?? "";
  if (
    known === "*" ||
    known.split(/\s*,\s*/).some((tag) => tag.replace(/^W\//, "") === file.etag)
  ) {
    return new Response(null, { status: 304, headers: answerHeaders });
  }
  return new Response(file.body, {
    headers: { ...answerHeaders, "content-type": file.contentType },
  });
}
