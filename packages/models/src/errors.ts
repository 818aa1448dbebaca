import { XError } from "@x/tensor";

/** A GGUF file that is malformed, truncated or inconsistent. */
export class GgufError extends XError {
  readonly code = "GGUF_INVALID";
}

/** A model file that is missing, unreadable or corrupt, or that could not be downloaded. */
export class ModelFileError extends XError {
  readonly code = "MODEL_FILE";
}

/** A checkpoint that this package cannot run: architecture, quantization or tokenizer. */
export class UnsupportedModelError extends XError {
  readonly code = "MODEL_UNSUPPORTED";
}

/** A tokenizer or chat template that cannot be built from the checkpoint, or text it cannot take. */
export class TokenizerError extends XError {
  readonly code = "TOKENIZER";
}

/** An option outside its range. */
export class InvalidArgumentError extends XError {
  readonly code = "INVALID_ARGUMENT";
}

/** A prompt that leaves no room in the model's context. */
export class ContextLengthError extends XError {
  readonly code = "CONTEXT_LENGTH";
}
