import type { ByteSet } from "./byte-set";
import type { Expression } from "./expression";

/**
 * A place in a grammar, as what may still come: any of `frames`, each an expression to be matched
 * and then a configuration to go on from; or the end, when `accepts`. The stack that a
 * context-free grammar needs is in the nesting, and stacks with a common rest share it.
 */
export class Configuration {
  /** Unique in the process. */
  readonly id: number;
  /** By ascending expression id, which occurs once. */
  readonly frames: readonly Frame[];
  /** Whether the text may end here without any frame. */
  readonly accepts: boolean;
  /** Longest chain of frames below this. */
  readonly depth: number;
  /** Fewest bytes that lead to an end. */
  readonly distance: number;
  /** This configuration's own {@link Frame}s on top of it, by expression. */
  readonly pushed = new Map<Expression, Configuration>();
  /** What can come next; found when first needed. */
  state: State | undefined;

  constructor(frames: readonly Frame[], accepts: boolean) {
    lastId += 1;
    this.id = lastId;
    this.frames = frames;
    this.accepts = accepts;
    this.depth = frames.reduce((depth, { next }) => Math.max(depth, next.depth + 1), 0);
    this.distance = frames.reduce(
      (least, { expression, next }) => Math.min(least, expression.shortest + next.distance),
      accepts ? 0 : Number.POSITIVE_INFINITY,
    );
  }
}

let lastId = 0;

/** An expression, and what follows it. */
export interface Frame {
  readonly expression: Expression;
  readonly next: Configuration;
}

/** A configuration taken apart down to its next byte. */
export interface State {
  /** Whether the text may end here. */
  readonly accepts: boolean;
  /** The next bytes, by where they lead. */
  readonly partition: BytePartition;
  /** Where a byte leads to, before it is put into one configuration. */
  readonly leaves: readonly (readonly Configuration[])[];
  /** Where the bytes of a class lead to, once asked for. */
  readonly targets: (Configuration | undefined)[];
}

/** Bytes put into classes: those that lie in the same sets are alike. */
export interface BytePartition {
  /** Class of each byte; class 0 lies in no set. */
  readonly classOfByte: Uint32Array;
  /** Sets, by number, that the bytes of a class lie in. */
  readonly members: readonly (readonly number[])[];
  /** The bytes of all sets. */
  readonly bytes: ByteSet;
}
