import { InvalidArgumentError } from "commander";

/** Limits of a numeric option; a limit itself is allowed unless it is named exclusive. */
export interface NumberRange {
  readonly minimum: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly integer?: boolean;
}

const decimalNumber = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Makes a commander parser for a number. It takes plain decimal numbers only: an empty text,
 * `0x10` or `Infinity` are mistakes at a command line.
 */
export function numberParser(range: NumberRange): (text: string) => number {
  return (text) => {
    const value = decimalNumber.test(text) ? Number(text) : Number.NaN;
    const { minimum, maximum = Number.MAX_VALUE } = range;
    const isAboveMinimum = range.exclusiveMinimum ? value > minimum : value >= minimum;
    const isRightKind = !range.integer || Number.isSafeInteger(value);
    if (isAboveMinimum && value <= maximum && isRightKind) return value;
    throw new InvalidArgumentError(`Use ${describeRange(range)}.`);
  };
}

function describeRange({ minimum, maximum, exclusiveMinimum, integer }: NumberRange): string {
  const kind = integer ? "an integer" : "a number";
  if (exclusiveMinimum) {
    return maximum === undefined
      ? `${kind} above ${minimum}`
      : `${kind} above ${minimum}, up to ${maximum}`;
  }
  return maximum === undefined
    ? `${kind} of ${minimum} or more`
    : `${kind} from ${minimum} to ${maximum}`;
}
