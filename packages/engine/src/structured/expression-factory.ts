import { ByteSet } from "./byte-set";
import { InvalidGrammarError } from "./errors";
import type {
  AlternationExpression,
  EmptyExpression,
  Expression,
  RuleExpression,
  TableExpression,
} from "./expression";
import {
  heightOf,
  largest,
  lengthOf,
  repetitionHeight,
  repetitionLength,
  smallest,
  sum,
} from "./expression-measures";
import type { TransitionTable } from "./transition-table";

/** Expressions that one grammar may have; each is some hundred bytes. */
const maxExpressions = 300_000;

/** States of automata that one grammar may have to combine: a fraction of a second's work. */
const maxCombinedStates = 20_000;

/** Frames of their configurations. */
const maxCombinedFrames = 200_000;

let lastId = 0;
function nextId(): number {
  lastId += 1;
  return lastId;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The empty text. */
export const empty: EmptyExpression = {
  kind: "empty",
  id: nextId(),
  isNullable: true,
  first: ByteSet.none,
  isPrefixFree: true,
  size: 0,
  width: 0,
  height: 0,
  shortest: 0,
};

/** No text at all. */
export const never: AlternationExpression = {
  kind: "alternation",
  id: nextId(),
  options: [],
  isCharacter: false,
  isNullable: false,
  first: ByteSet.none,
  isPrefixFree: true,
  size: 0,
  width: 0,
  height: Number.POSITIVE_INFINITY,
  shortest: Number.POSITIVE_INFINITY,
};

/**
 * Makes expressions. Equal ones are one object, which is what lets the automaton recognise a place
 * that it has been at before.
 */
export class ExpressionFactory {
  readonly #interned = new Map<string, Expression>();
  /** What counts against the limit; nothing any more once the grammar is complete. */
  #all: Expression[] | undefined = [];
  readonly #nonEmpty = new Map<Expression, Expression>();
  #combinedStates = 0;
  #combinedFrames = 0;

  /** One byte out of `bytes`. */
  bytes(bytes: ByteSet): Expression {
    if (bytes.isEmpty) return never;
    return this.#intern(`b${bytes.key}`, () => ({
      kind: "bytes",
      id: nextId(),
      bytes,
      isNullable: false,
      first: bytes,
      isPrefixFree: true,
      size: 1,
      width: 1,
      height: 0,
      shortest: 1,
    }));
  }

  /** The bytes of `text` in UTF-8. */
  literal(text: string): Expression {
    return this.literalBytes(new TextEncoder().encode(text));
  }

  /** These bytes, one after the other. */
  literalBytes(bytes: Uint8Array): Expression {
    return this.sequence(...Array.from(bytes, (byte) => this.bytes(ByteSet.single(byte))));
  }

  /** One after the other. */
  sequence(...parts: readonly Expression[]): Expression {
    let whole: Expression = empty;
    for (let index = parts.length - 1; index >= 0; index -= 1) {
      whole = this.#pair(parts[index] as Expression, whole);
    }
    return whole;
  }

  /** Any one of `options`. */
  alternation(...options: readonly Expression[]): Expression {
    const flat = this.#flatten(options);
    if (flat.length === 0) return never;
    const [only] = flat;
    if (flat.length === 1 && only !== undefined) return only;
    return this.#intern(`a${flat.map(({ id }) => id).join()}`, () => {
      let first = ByteSet.none;
      let areApart = true;
      for (const option of flat) {
        areApart &&= !option.isNullable && first.isDisjointFrom(option.first);
        first = first.union(option.first);
      }
      const widths = flat.map(({ width }) => width);
      return {
        kind: "alternation",
        id: nextId(),
        options: flat,
        isCharacter: false,
        isNullable: flat.some(({ isNullable }) => isNullable),
        first,
        isPrefixFree: areApart && flat.every(({ isPrefixFree }) => isPrefixFree),
        size: sum(flat.map(({ size }) => size)),
        width: areApart ? largest(widths) : sum(widths),
        height: smallest(flat.map(({ height }) => height)),
        shortest: smallest(flat.map(({ shortest }) => shortest)),
      };
    });
  }

  /** `body` or nothing. */
  optional(body: Expression): Expression {
    return this.alternation(body, empty);
  }

  /** `min` to `max` times `body`. */
  repetition(body: Expression, min: number, max = Number.POSITIVE_INFINITY): Expression {
    if (max === 0 || body === empty) return empty;
    if (max < min) return never;
    if (body === never) return min === 0 ? empty : never;
    if (body.isNullable) return this.repetition(this.nonEmpty(body), 0, max);
    if (min === 1 && max === 1) return body;
    if (body.kind === "repetition" && body.max === Number.POSITIVE_INFINITY && body.min <= 1) {
      return this.repetition(body.body, body.min * min);
    }
    return this.#intern(`r${body.id},${min},${max}`, () => {
      const rounds = Number.isFinite(max) ? max : min + 1;
      return {
        kind: "repetition",
        id: nextId(),
        body,
        min,
        max,
        isNullable: min === 0,
        first: body.first,
        isPrefixFree: min === max && body.isPrefixFree,
        size: body.size * rounds,
        width: body.isPrefixFree ? body.width : body.size * rounds,
        height: repetitionHeight(body, min),
        shortest: repetitionLength(body, min),
      };
    });
  }

  /** A part to be defined by {@link define}. */
  rule(): RuleExpression {
    const rule: RuleExpression = {
      kind: "rule",
      id: nextId(),
      body: undefined,
      isNullable: false,
      first: ByteSet.all,
      isPrefixFree: false,
      size: 1,
      width: 1,
      height: Number.POSITIVE_INFINITY,
      shortest: Number.POSITIVE_INFINITY,
    };
    this.#register(rule);
    return rule;
  }

  /** Says what `rule` stands for: an expression that is not nullable. */
  define(rule: RuleExpression, body: Expression): void {
    (rule as Writable<RuleExpression>).body = body;
  }

  /** A state of `table`. Its edges are not part of the expression, but looked up in the table. */
  tableState(
    table: TransitionTable,
    state: number,
    { first, shortest }: Pick<TableExpression, "first" | "shortest">,
  ): TableExpression {
    const { accepts, edges } = table.states[state] as (typeof table.states)[number];
    const expression: TableExpression = {
      kind: "table",
      id: nextId(),
      table,
      state,
      isNullable: accepts,
      first,
      isPrefixFree: false,
      size: table.states.length,
      width: 1,
      height: accepts && edges.length === 0 ? 0 : 1,
      shortest,
    };
    this.#register(expression);
    return expression;
  }

  /**
   * Counts a state of a combined automaton.
   *
   * @throws {InvalidGrammarError} when they become too many.
   */
  countState(frames: number): void {
    this.#combinedStates += 1;
    this.#combinedFrames += frames;
    if (this.#combinedStates > maxCombinedStates || this.#combinedFrames > maxCombinedFrames) {
      throw new InvalidGrammarError(
        `patterns, lengths, ranges or names that hold together take more than ${maxCombinedStates} states; use smaller bounds or simpler patterns`,
        { limit: maxCombinedStates },
      );
    }
  }

  /**
   * Declares that `expression` is one character out of a set. A reader of text is always between
   * characters or inside the same one, so this counts as a single place.
   */
  asCharacter(expression: Expression): Expression {
    if (expression.kind === "alternation" && expression !== never) {
      const character = expression as Writable<AlternationExpression>;
      character.isCharacter = true;
      character.size = 1;
      character.width = 1;
    }
    return expression;
  }

  /** The matches of `expression` but for the empty one. */
  nonEmpty(expression: Expression): Expression {
    if (!expression.isNullable) return expression;
    const known = this.#nonEmpty.get(expression);
    if (known !== undefined) return known;
    const made = this.#makeNonEmpty(expression);
    this.#nonEmpty.set(expression, made);
    return made;
  }

  /**
   * Computes `height` and `shortest` of all expressions, now that every rule has a body. What is made from here on
   * are rounds of counted repetitions, as a text goes through them.
   */
  complete(): void {
    const all = this.#all ?? [];
    this.#all = undefined;
    for (let isSettled = false; !isSettled; ) {
      isSettled = true;
      for (const expression of all) {
        const height = heightOf(expression);
        const shortest = lengthOf(expression);
        if (height < expression.height || shortest < expression.shortest) {
          const own = expression as Writable<Expression>;
          own.height = height;
          own.shortest = shortest;
          isSettled = false;
        }
      }
    }
  }

  #pair(head: Expression, tail: Expression): Expression {
    if (head === empty) return tail;
    if (tail === empty) return head;
    if (head === never || tail === never) return never;
    return this.#intern(`s${head.id},${tail.id}`, () => {
      // Where the tail begins with what no further round of the head can begin with.
      const partsUniquely =
        head.isPrefixFree ||
        (head.kind === "repetition" &&
          head.body.isPrefixFree &&
          head.body.first.isDisjointFrom(tail.first));
      const endsUniquely = head.isPrefixFree || (partsUniquely && !tail.isNullable);
      return {
        kind: "sequence",
        id: nextId(),
        head,
        tail,
        isNullable: head.isNullable && tail.isNullable,
        first: head.isNullable ? head.first.union(tail.first) : head.first,
        isPrefixFree: endsUniquely && tail.isPrefixFree,
        size: head.size + tail.size,
        width: head.isPrefixFree
          ? Math.max(head.width, tail.width)
          : head.width + (partsUniquely ? tail.width : tail.size),
        height: Math.max(1 + head.height, tail.height),
        shortest: head.shortest + tail.shortest,
      };
    });
  }

  #flatten(options: readonly Expression[]): Expression[] {
    const flat = new Set<Expression>();
    let bytes = ByteSet.none;
    for (const option of options) {
      // Long lists stay as they are, or a chain of them would take quadratic time.
      const isList =
        option.kind === "alternation" && !option.isCharacter && option.options.length <= 8;
      const parts = isList ? option.options : [option];
      for (const part of parts) {
        if (part.kind === "bytes") bytes = bytes.union(part.bytes);
        else flat.add(part);
      }
    }
    if (!bytes.isEmpty) flat.add(this.bytes(bytes));
    return [...flat];
  }

  #makeNonEmpty(expression: Expression): Expression {
    switch (expression.kind) {
      case "empty":
        return never;
      case "sequence":
        return this.alternation(
          this.#pair(this.nonEmpty(expression.head), expression.tail),
          this.nonEmpty(expression.tail),
        );
      case "alternation":
        return this.alternation(...expression.options.map((option) => this.nonEmpty(option)));
      case "repetition":
        return this.#pair(expression.body, this.repetition(expression.body, 0, expression.max - 1));
      case "table":
        return expression.table.nonEmpty(this, expression);
      case "bytes":
      case "rule":
        return expression;
      default:
        return expression satisfies never;
    }
  }

  #intern<T extends Expression>(key: string, make: () => T): Expression {
    const known = this.#interned.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#interned.set(key, made);
    this.#register(made);
    return made;
  }

  #register(expression: Expression): void {
    if (this.#all === undefined) return;
    if (this.#all.length >= maxExpressions) {
      throw new InvalidGrammarError(
        `the grammar has more than ${maxExpressions} parts; use a smaller schema or pattern`,
        { limit: maxExpressions },
      );
    }
    this.#all.push(expression);
  }
}
