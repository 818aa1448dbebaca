import { ApiError } from "./api-error";

/**
 * Makes the check of a request's `Authorization: Bearer` header.
 *
 * Hashes are compared, and all of them to the end, so that the time that it takes tells nothing
 * about the key.
 *
 * @param apiKey - The one key that is let in.
 * @returns A function that throws {@link ApiError} 401 for any other.
 */
export function apiKeyCheck(apiKey: string): (request: Request) => Promise<void> {
  const expected = sha256(apiKey);
  return async (request) => {
    const [, given] = /^Bearer +(.*?) *$/i.exec(request.headers.get("authorization") ?? "") ?? [];
    const actual = await sha256(given ?? "");
    const hash = await expected;
    let difference = given === undefined ? 1 : 0;
    for (const [index, byte] of hash.entries()) difference |= byte ^ (actual[index] ?? 0);
    if (difference === 0) return;
    throw new ApiError("the API key is missing or wrong; send Authorization: Bearer KEY", {
      status: 401,
      type: "authentication_error",
      code: "invalid_api_key",
      headers: { "www-authenticate": "Bearer" },
    });
  };
}

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
