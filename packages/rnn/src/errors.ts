import { XError } from "@x/tensor";

/** Settings of a layer that do not exist or do not go together. */
export class RecurrentOptionsError extends XError {
  readonly code = "RECURRENT_OPTIONS";
}

/** An input, a state or lengths that a layer cannot take. */
export class RecurrentInputError extends XError {
  readonly code = "RECURRENT_INPUT";
}

/** Weights with missing, extra or misshapen entries, or a file that does not hold weights. */
export class WeightsError extends XError {
  readonly code = "RECURRENT_WEIGHTS";
}
