import { ApiError } from "./api-error";

/** Deepest nesting of arrays and objects in a request: no honest one comes near. */
const maxDepth = 128;

/**
 * The JSON value that a request carries.
 *
 * @throws {ApiError} 413 above `maxBytes`, 415 for another type than JSON, 400 for bytes that are not
 *   UTF-8, text that is not JSON, or nesting beyond {@link maxDepth}.
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<unknown> {
  requireJsonType(request.headers.get("content-type"));
  const text = decodeUtf8(await readBytes(request, maxBytes));
  requireShallow(text);
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw badJson(`the body is not JSON: ${reason}`);
  }
}

/** A page of another site can post any other type to a server on this machine without asking. */
function requireJsonType(contentType: string | null): void {
  const type = contentType?.split(";")[0]?.trim().toLowerCase();
  if (type !== undefined && /^application\/(json|[\w.-]+\+json)$/.test(type)) return;
  throw new ApiError(
    `the content type is ${JSON.stringify(contentType)}; send the header content-type: application/json`,
    { status: 415, code: "unsupported_media_type" },
  );
}

/** The body's bytes; reads no further once there are too many, whatever length was announced. */
async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length")) > maxBytes) throw tooLarge(maxBytes);
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of request.body ?? []) {
    length += piece.byteLength;
    if (length > maxBytes) throw tooLarge(maxBytes);
    pieces.push(piece);
  }
  const bytes = new Uint8Array(length);
  let position = 0;
  for (const piece of pieces) {
    bytes.set(piece, position);
    position += piece.byteLength;
  }
  return bytes;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw badJson("the body is not UTF-8; encode it as UTF-8");
  }
}

/** Counts brackets outside strings, one character at a time: no text makes this slow. */
function requireShallow(text: string): void {
  let depth = 0;
  let isInString = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === '"') isInString = !isInString;
    else if (isInString) index += character === "\\" ? 1 : 0;
    else if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth -= 1;
    if (depth > maxDepth) throw badJson(`the body nests deeper than ${maxDepth} levels`);
  }
}

function badJson(message: string): ApiError {
  return new ApiError(message, { status: 400, code: "invalid_json" });
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError(`the body has more than ${maxBytes} bytes; send a shorter one`, {
    status: 413,
    code: "request_too_large",
    headers: { connection: "close" },
  });
}
