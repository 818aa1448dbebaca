import { XError } from "../errors";

/** A safetensors file that is malformed, truncated or inconsistent, or names that it cannot hold. */
export class SafetensorsError extends XError {
  readonly code = "SAFETENSORS_INVALID";
}

/** A file, `Blob` or URL whose bytes cannot be read, or that changed while it was read. */
export class DataSourceError extends XError {
  readonly code = "DATA_SOURCE";
}
