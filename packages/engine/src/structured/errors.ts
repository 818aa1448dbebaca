import { XError } from "@x/tensor";

/**
 * A schema, pattern or list of choices that generation cannot be held to: malformed, contradictory,
 * too large, or with a keyword that cannot be enforced.
 *
 * `details.path` is the place in the schema, as a JSON pointer after `#`.
 */
export class InvalidGrammarError extends XError {
  readonly code = "INVALID_GRAMMAR";
}

/** An {@link InvalidGrammarError} about one place of a schema. */
export function schemaError(
  path: string,
  problem: string,
  remedy: string,
  details: Readonly<Record<string, unknown>> = {},
): InvalidGrammarError {
  return new InvalidGrammarError(`the schema at ${path}: ${problem}; ${remedy}`, {
    path,
    ...details,
  });
}

/** A value as a message can hold it: JSON, cut short. */
export function excerpt(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(JSON.stringify(value));
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
