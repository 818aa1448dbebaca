import { XError } from "@x/tensor";

/** A cache that cannot do what was asked: a layer it lacks, a length it does not hold. */
export class CacheError extends XError {
  readonly code = "CACHE";
}
