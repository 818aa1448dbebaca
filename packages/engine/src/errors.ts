import { XError } from "@x/tensor";

/** Use of an engine after its disposal. */
export class EngineDisposedError extends XError {
  readonly code = "ENGINE_DISPOSED";
}

/** A generation that failed while it ran, through no fault of its request. */
export class GenerationFailedError extends XError {
  readonly code = "GENERATION_FAILED";
}
