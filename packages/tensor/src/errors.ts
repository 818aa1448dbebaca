/** Values that explain an error: shapes, names, limits. Never secrets. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

const marker = Symbol.for("@x/error");

/**
 * Base class of every error that the `@x` packages throw on purpose.
 *
 * The message is one line and ends with what to do. `code` is stable between releases, `details`
 * holds the offending values.
 */
export abstract class XError extends Error {
  /** Stable identifier, in capitals: `SHAPE_MISMATCH`. */
  abstract readonly code: string;
  /** The offending values. */
  readonly details: ErrorDetails;

  constructor(message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.details = details;
    Object.defineProperty(this, marker, { value: true });
  }

  /** Whether `value` is an error of these packages, also when two copies of one are installed. */
  static isInstance(value: unknown): value is XError {
    return typeof value === "object" && value !== null && marker in value;
  }
}

/** Shapes that an operation cannot take together. */
export class ShapeError extends XError {
  readonly code = "SHAPE_MISMATCH";
}

/** A dtype that an operation does not take. */
export class DTypeError extends XError {
  readonly code = "DTYPE_MISMATCH";
}

/** A device that is missing, not initialised, or not the one of the other operands. */
export class DeviceError extends XError {
  readonly code = "DEVICE_UNAVAILABLE";
}

/** Use of a tensor after its disposal. */
export class DisposedError extends XError {
  readonly code = "DISPOSED";
}

/** A number outside its range: an index, an axis, a size. */
export class OutOfRangeError extends XError {
  readonly code = "OUT_OF_RANGE";
}

/** More memory, elements or bindings than the device can hold. */
export class LimitError extends XError {
  readonly code = "LIMIT_EXCEEDED";
}

/** A kernel that did not compile, or that fell back to a device other than its own. */
export class KernelError extends XError {
  readonly code = "KERNEL_FAILED";
}

/** A gradient that cannot be computed: no graph, a graph used twice, a value changed in place. */
export class AutogradError extends XError {
  readonly code = "AUTOGRAD";
}
