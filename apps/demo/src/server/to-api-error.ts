import { XError } from "@x/tensor";
import { ApiError } from "./api-error";
import { generationFields } from "./requests/generation-fields";

/** Error codes of the packages that mean a request which this model or engine cannot take. */
const requestCodes = new Set([
  "INVALID_ARGUMENT",
  "INVALID_GRAMMAR",
  "TOKENIZER",
  "MODEL_UNSUPPORTED",
  "CONTEXT_LENGTH",
]);

/**
 * What the sender of a request is told about `error`. Of an error that is not the request's fault,
 * that is only that it happened.
 */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (XError.isInstance(error)) {
    if (requestCodes.has(error.code)) {
      return new ApiError(error.message, {
        status: 400,
        param: paramOf(error),
        code: error.code === "CONTEXT_LENGTH" ? "context_length_exceeded" : "invalid_value",
      });
    }
    if (error.code === "ENGINE_DISPOSED") return unavailable("the model is not running");
  }
  return new ApiError("the server failed to answer this request; try again", {
    status: 500,
    type: "server_error",
    code: "internal_error",
  });
}

/** The server can do nothing for now. */
export function unavailable(reason: string): ApiError {
  return new ApiError(`${reason}; try again later`, {
    status: 503,
    type: "server_error",
    code: "service_unavailable",
    headers: { "retry-after": "5", connection: "close" },
  });
}

/** The request's field that an option of the engine comes from: `topK` is `top_k`. */
function paramOf(error: XError): string | undefined {
  if (error.code === "INVALID_GRAMMAR") return "response_format";
  return Object.keys(error.details)
    .map((option) => option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
    .find((name) => name in generationFields);
}
