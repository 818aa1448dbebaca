import type { ByteSet } from "./byte-set";
import type { TransitionTable } from "./transition-table";

interface ExpressionBase {
  /** Unique in the process. Parts have lower ids than the whole, save for rules. */
  readonly id: number;
  /** Whether the empty text matches. */
  readonly isNullable: boolean;
  /** Bytes that a match can begin with, or more. */
  readonly first: ByteSet;
  /** Whether no match is the beginning of a longer one, so that its end is known at once. */
  readonly isPrefixFree: boolean;
  /** Places that a reader can be at inside; counted repetitions count each of their rounds. */
  readonly size: number;
  /** Upper bound of the places that one reader can be at simultaneously. */
  readonly width: number;
  /** Least depth of the stack on which a match can be completed; `Infinity` when there is none. */
  readonly height: number;
  /** Bytes of the shortest match; `Infinity` when there is none. */
  readonly shortest: number;
}

/** The empty text. */
export interface EmptyExpression extends ExpressionBase {
  readonly kind: "empty";
}

/** One byte out of a set. */
interface BytesExpression extends ExpressionBase {
  readonly kind: "bytes";
  readonly bytes: ByteSet;
}

/** One after the other. */
interface SequenceExpression extends ExpressionBase {
  readonly kind: "sequence";
  readonly head: Expression;
  readonly tail: Expression;
}

/** Any one of several. Of none: no text matches. */
export interface AlternationExpression extends ExpressionBase {
  readonly kind: "alternation";
  readonly options: readonly Expression[];
  /** Whether it is one character out of a set, which counts as a single place. */
  readonly isCharacter: boolean;
}

/** `min` to `max` times the body, which is not nullable. */
export interface RepetitionExpression extends ExpressionBase {
  readonly kind: "repetition";
  readonly body: Expression;
  readonly min: number;
  /** `Infinity` for no bound. */
  readonly max: number;
}

/** A part that is defined later, perhaps by means of itself. Never nullable. */
export interface RuleExpression extends ExpressionBase {
  readonly kind: "rule";
  readonly body: Expression | undefined;
}

/** A state of a deterministic automaton. */
export interface TableExpression extends ExpressionBase {
  readonly kind: "table";
  readonly table: TransitionTable;
  readonly state: number;
}

/** A set of byte strings: what a regular expression denotes, and more, as rules can be recursive. */
export type Expression =
  | EmptyExpression
  | BytesExpression
  | SequenceExpression
  | AlternationExpression
  | RepetitionExpression
  | RuleExpression
  | TableExpression;
