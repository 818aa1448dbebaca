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
      return new ApiError(inWordsOfTheRequest(error.message), {
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

/** Options of the engine whose fields have other names than snake case gives. */
const otherNames: Readonly<Record<string, string>> = {
  includeStop: "include_stop_str_in_output",
  structured: "response_format",
};

/** The request's field that an option of the engine comes from: `topK` is `top_k`. */
function fieldOf(option: string): string {
  return otherNames[option] ?? option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function paramOf(error: XError): string | undefined {
  if (error.code === "INVALID_GRAMMAR") return "response_format";
  return Object.keys(error.details)
    .map((detail) => fieldOf(detail.replace(/\W.*/, "")))
    .find((name) => name in generationFields);
}

/** A message of the engine, for who knows neither its functions nor its options. */
function inWordsOfTheRequest(message: string): string {
  return message.replace(/^generate: /, "").replace(/\b[a-z]+(?:[A-Z][a-z]+)*\b/g, (word) => {
    const field = fieldOf(word);
    return field !== word && field in generationFields ? field : word;
  });
}
