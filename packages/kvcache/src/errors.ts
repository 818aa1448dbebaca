import { XError } from "@x/tensor";

/** A cache that cannot do what was asked: a layer it lacks, a length it does not hold. */
export class CacheError extends XError {
  readonly code = "CACHE";
}

/** Tokens that a store of fixed size has no room for. */
export class CacheOverflowError extends XError {
  readonly code = "CACHE_OVERFLOW";
}

/** A sequence that was never added, or that was removed. */
export class UnknownSequenceError extends XError {
  readonly code = "UNKNOWN_SEQUENCE";
}

/** A block used against the rules: freed twice, written while shared, not of the pool. */
export class BlockError extends XError {
  readonly code = "CACHE_BLOCK";
}

/** A saved cache that is damaged, of another version, or of another model. */
export class CacheFileError extends XError {
  readonly code = "CACHE_FILE";
}
