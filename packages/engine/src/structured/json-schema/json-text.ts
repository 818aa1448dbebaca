import { ByteSet } from "../byte-set";
import type { Expression } from "../expression";
import { type ExpressionFactory, empty, never } from "../expression-factory";
import { anyLiteral } from "../literals";

/** Spaces of indentation that may follow a line end. */
const maxIndentation = 20;

/** The marks of JSON, and the white space that goes with them. */
export class JsonText {
  readonly factory: ExpressionFactory;
  /** Nothing, a space, or a line end with indentation: never more, so that it comes to an end. */
  readonly #space: Expression;
  readonly #comma: Expression;
  readonly #colon: Expression;

  constructor(factory: ExpressionFactory) {
    this.factory = factory;
    const blank = factory.bytes(ByteSet.range(0x20, 0x20));
    this.#space = factory.alternation(
      empty,
      blank,
      factory.sequence(factory.literal("\n"), factory.repetition(blank, 0, maxIndentation)),
    );
    this.#comma = factory.sequence(factory.literal(","), this.#space);
    this.#colon = factory.sequence(factory.literal(":"), factory.optional(blank));
  }

  /** A further part of a list, and what follows it. */
  afterComma(...parts: readonly Expression[]): Expression {
    return this.factory.sequence(this.#comma, ...parts);
  }

  /** A member of an object. */
  member(name: Expression, value: Expression): Expression {
    return this.factory.sequence(name, this.#colon, value);
  }

  /** A text in quotation marks. */
  string(content: Expression): Expression {
    const quote = this.factory.literal('"');
    return this.factory.sequence(quote, content, quote);
  }

  /**
   * A list in brackets.
   *
   * @param parts - What is in it when it is not empty.
   * @param mayBeEmpty - Whether it may be empty.
   */
  enclosed(brackets: "[]" | "{}", parts: Expression, mayBeEmpty: boolean): Expression {
    const { factory } = this;
    const [open = "", close = ""] = brackets;
    const full = factory.sequence(this.#space, parts, this.#space);
    return factory.sequence(
      factory.literal(open),
      factory.alternation(full, mayBeEmpty ? empty : never),
      factory.literal(close),
    );
  }

  /** Any of these JSON values. */
  anyOf(values: readonly unknown[]): Expression {
    const isPlain = (value: unknown) => typeof value !== "object" || value === null;
    const plain = values.filter(isPlain).map((value) => JSON.stringify(value));
    return this.factory.alternation(
      anyLiteral(this.factory, plain),
      ...values.filter((value) => !isPlain(value)).map((value) => this.#container(value)),
    );
  }

  #container(value: unknown): Expression {
    const parts = Array.isArray(value)
      ? value.map((part) => this.anyOf([part]))
      : Object.entries(value as object).map(([name, part]) =>
          this.member(this.factory.literal(JSON.stringify(name)), this.anyOf([part])),
        );
    const [first = never, ...rest] = parts;
    const list = this.factory.sequence(first, ...rest.map((part) => this.afterComma(part)));
    return this.enclosed(Array.isArray(value) ? "[]" : "{}", list, parts.length === 0);
  }
}
