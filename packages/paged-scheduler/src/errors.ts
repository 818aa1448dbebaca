/** Values that explain an error: ids, counts, limits. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** The mark that every error of the `@x` packages carries, so that one check finds them all. */
const marker = Symbol.for("@x/error");

/**
 * Base class of every error that this package throws on purpose.
 *
 * The message is one line and ends with what to do. `code` is stable between releases, `details`
 * holds the offending values. Errors are thrown before any state changes.
 */
export abstract class PagedSchedulerError extends Error {
  /** Stable identifier, in capitals: `REQUEST_TOO_LONG`. */
  abstract readonly code: string;
  /** The offending values. */
  readonly details: ErrorDetails;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message);
    this.name = new.target.name;
    this.details = details;
    Object.defineProperty(this, marker, { value: true });
  }
}

/** An option, a token list or a model result that is not usable as given. */
export class InvalidArgumentError extends PagedSchedulerError {
  override readonly name = "InvalidArgumentError";
  readonly code = "INVALID_ARGUMENT";
}

/** A request that could never run to its end, however empty the pool. */
export class RequestTooLongError extends PagedSchedulerError {
  override readonly name = "RequestTooLongError";
  readonly code = "REQUEST_TOO_LONG";
}

/** A request id that a live request already has. */
export class DuplicateRequestError extends PagedSchedulerError {
  override readonly name = "DuplicateRequestError";
  readonly code = "DUPLICATE_REQUEST";
}

/** A request id that no live request has. */
export class UnknownRequestError extends PagedSchedulerError {
  override readonly name = "UnknownRequestError";
  readonly code = "UNKNOWN_REQUEST";
}

/** A block was asked of an empty free queue. */
export class OutOfBlocksError extends PagedSchedulerError {
  override readonly name = "OutOfBlocksError";
  readonly code = "OUT_OF_BLOCKS";
}

/** `schedule` and `update` were not called in turn. */
export class StepOrderError extends PagedSchedulerError {
  override readonly name = "StepOrderError";
  readonly code = "STEP_OUT_OF_ORDER";
}
