import { ByteSet } from "../byte-set";
import { intersection } from "../combine";
import type { Expression } from "../expression";
import { type ExpressionFactory, empty, never } from "../expression-factory";
import { type Decimal, decimalOf } from "./decimal";

/** Digits after the point, at most: enough for the shortest text of any double above 1e-7. */
const maxFractionDigits = 24;

/** Numbers written in decimal, without an exponent, between bounds. */
export class DecimalRange {
  readonly #factory: ExpressionFactory;

  constructor(factory: ExpressionFactory) {
    this.#factory = factory;
  }

  /** Integers from `low` to `high`, which are safe integers. */
  integers(low: number, high: number): Expression {
    if (low > high) return never;
    return this.#signed(low, high, (from, to) =>
      this.#wholes(decimalOf(from).whole, decimalOf(to).whole),
    );
  }

  /** Numbers from `low` to `high`, which are finite. */
  numbers(low: number, high: number): Expression {
    if (low > high) return never;
    return this.#signed(low, high, (from, to) => this.#decimals(decimalOf(from), decimalOf(to)));
  }

  #signed(low: number, high: number, range: (from: number, to: number) => Expression): Expression {
    const positive = high >= 0 ? range(Math.max(low, 0), high) : never;
    const negative = low < 0 ? range(Math.max(-high, 0), -low) : never;
    return this.#factory.alternation(
      positive,
      this.#factory.sequence(this.#factory.literal("-"), negative),
    );
  }

  #decimals(low: Decimal, high: Decimal): Expression {
    const factory = this.#factory;
    const anyFraction = this.#fractionFrom("");
    const fractionFrom = this.#fractionFrom(low.fraction);
    const fractionTo = this.#fractionTo(high.fraction);
    if (low.whole === high.whole) {
      const fraction = intersection(factory, fractionFrom, fractionTo);
      return factory.sequence(factory.literal(low.whole), fraction);
    }
    const between = this.#wholes(increment(low.whole), decrement(high.whole));
    return factory.alternation(
      factory.sequence(factory.literal(low.whole), fractionFrom),
      factory.sequence(between, anyFraction),
      factory.sequence(factory.literal(high.whole), fractionTo),
    );
  }

  /** Fractions, with their point, of at least `digits`. */
  #fractionFrom(digits: string): Expression {
    const factory = this.#factory;
    const any = this.#digits(1, maxFractionDigits);
    if (digits === "") return factory.optional(factory.sequence(factory.literal("."), any));
    if (digits.length > maxFractionDigits) {
      // Too fine to be written: what is above it at all is above it by its first digits.
      const above = increment(digits.slice(0, maxFractionDigits));
      if (above.length > maxFractionDigits) return never;
      return this.#fractionFrom(above.padStart(maxFractionDigits, "0").replace(/0+$/, ""));
    }
    let rest = this.#digits(0, maxFractionDigits - digits.length);
    for (let place = digits.length - 1; place >= 0; place -= 1) {
      const digit = Number(digits[place]);
      rest = factory.alternation(
        factory.sequence(this.#digit(digit, digit), rest),
        factory.sequence(this.#digit(digit + 1, 9), this.#digits(0, maxFractionDigits - place - 1)),
      );
    }
    return factory.sequence(factory.literal("."), rest);
  }

  /** Fractions, with their point, of at most `digits`. */
  #fractionTo(digits: string): Expression {
    const factory = this.#factory;
    const kept = digits.slice(0, maxFractionDigits);
    const zeros = factory.repetition(this.#digit(0, 0), 0, maxFractionDigits - kept.length);
    let rest = zeros;
    for (let place = kept.length - 1; place >= 0; place -= 1) {
      const digit = Number(kept[place]);
      const own = factory.alternation(
        factory.sequence(this.#digit(digit, digit), rest),
        factory.sequence(this.#digit(0, digit - 1), this.#digits(0, maxFractionDigits - place - 1)),
      );
      // A text that ends early is a smaller number, but a point needs a digit.
      rest = place === 0 ? own : factory.optional(own);
    }
    if (kept === "") rest = factory.repetition(this.#digit(0, 0), 1, maxFractionDigits);
    return factory.optional(factory.sequence(factory.literal("."), rest));
  }

  /** Whole numbers of 0 or more without leading zeros. */
  #wholes(low: string, high: string): Expression {
    if (low.length > high.length || (low.length === high.length && low > high)) return never;
    const options: Expression[] = [];
    for (let length = low.length; length <= high.length; length += 1) {
      const smallest = length === 1 ? "0" : `1${"0".repeat(length - 1)}`;
      options.push(
        this.#sameLength(
          length === low.length ? low : smallest,
          length === high.length ? high : "9".repeat(length),
        ),
      );
    }
    return this.#factory.alternation(...options);
  }

  #sameLength(low: string, high: string): Expression {
    const factory = this.#factory;
    if (low === high) return factory.literal(low);
    let place = 0;
    while (low[place] === high[place]) place += 1;
    const rest = low.length - place - 1;
    let lowEnd: Expression = empty;
    let highEnd: Expression = empty;
    for (let index = low.length - 1; index > place; index -= 1) {
      const after = low.length - index - 1;
      const lowDigit = Number(low[index]);
      const highDigit = Number(high[index]);
      lowEnd = factory.alternation(
        factory.sequence(this.#digit(lowDigit, lowDigit), lowEnd),
        factory.sequence(this.#digit(lowDigit + 1, 9), this.#digits(after, after)),
      );
      highEnd = factory.alternation(
        factory.sequence(this.#digit(highDigit, highDigit), highEnd),
        factory.sequence(this.#digit(0, highDigit - 1), this.#digits(after, after)),
      );
    }
    const lowDigit = Number(low[place]);
    const highDigit = Number(high[place]);
    return factory.sequence(
      factory.literal(low.slice(0, place)),
      factory.alternation(
        factory.sequence(this.#digit(lowDigit, lowDigit), lowEnd),
        factory.sequence(this.#digit(lowDigit + 1, highDigit - 1), this.#digits(rest, rest)),
        factory.sequence(this.#digit(highDigit, highDigit), highEnd),
      ),
    );
  }

  #digit(low: number, high: number): Expression {
    return this.#factory.bytes(ByteSet.range(0x30 + low, 0x30 + high));
  }

  #digits(min: number, max: number): Expression {
    return this.#factory.repetition(this.#digit(0, 9), min, max);
  }
}

function increment(digits: string): string {
  return (BigInt(digits) + 1n).toString();
}

function decrement(digits: string): string {
  return (BigInt(digits) - 1n).toString();
}
