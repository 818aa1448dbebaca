import { XError } from "@x/tensor";

/** Use of an engine after its disposal. */
export class EngineDisposedError extends XError {
  readonly code = "ENGINE_DISPOSED";
}

/** A generation that failed while it ran, through no fault of its request. */
export class GenerationFailedError extends XError {
  readonly code = "GENERATION_FAILED";
}

/** A server that refused a request, failed, or could not be reached: see `details.status`. */
export class RemoteEngineError extends XError {
  readonly code = "REMOTE_ENGINE";
}
