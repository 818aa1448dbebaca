import { ByteSet } from "../byte-set";
import { intersection } from "../combine";
import { schemaError } from "../errors";
import type { Expression } from "../expression";
import type { ExpressionFactory } from "../expression-factory";
import { type TableBlueprint, TransitionTable } from "../transition-table";
import type { Constraints } from "./constraints";
import { decimalOf, nextAbove, nextBelow } from "./decimal";
import { DecimalRange } from "./decimal-range";
import { knownFormat } from "./formats";
import { badValue, keywordValues } from "./keyword-values";
import { kinds } from "./keywords";

/** Remainders that `multipleOf` may need to tell apart. */
const maxRemainders = 1000;

/**
 * Numbers that satisfy `constraints`.
 *
 * Integers lie within ±(2^53 − 1), where every reader of JSON holds them exactly. Numbers without
 * bounds may have an exponent; within bounds they are written in decimal.
 */
export function numberText(factory: ExpressionFactory, constraints: Constraints): Expression {
  const isWhole = (constraints.kinds & kinds.fraction) === 0;
  const { low, high } = boundsOf(constraints);
  const safe = Number.MAX_SAFE_INTEGER;
  const range = new DecimalRange(factory);
  const steps = stepsOf(constraints);
  let text: Expression;
  if (isWhole) {
    text = range.integers(Math.max(Math.ceil(low), -safe), Math.min(Math.floor(high), safe));
  } else if (low === -Infinity && high === Infinity && steps.length === 0) {
    text = anyNumber(factory);
  } else {
    const lowest = high < -safe ? -Number.MAX_VALUE : -safe;
    const highest = low > safe ? Number.MAX_VALUE : safe;
    text = range.numbers(Math.max(low, lowest), Math.min(high, highest));
  }
  return steps.reduce((all, step) => intersection(factory, all, multiples(factory, step)), text);
}

/** Whether a listed value is within the bounds and a multiple. */
export function numberSatisfies(constraints: Constraints, value: number): boolean {
  const { low, high } = boundsOf(constraints);
  return (
    value >= low &&
    value <= high &&
    stepsOf(constraints).every(({ numerator, decimals }) => {
      const { whole, fraction } = decimalOf(Math.abs(value));
      const shift = Math.max(fraction.length, decimals);
      const scaled = BigInt(whole + fraction.padEnd(shift, "0"));
      return scaled % (BigInt(numerator) * 10n ** BigInt(shift - decimals)) === 0n;
    })
  );
}

function boundsOf(constraints: Constraints): { low: number; high: number } {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = constraints;
  // Texts read as the nearest double, so bounds that are excluded are moved by one double.
  let low = Math.max(
    minimum,
    Number.isFinite(exclusiveMinimum) ? nextAbove(exclusiveMinimum) : -Infinity,
  );
  let high = Math.min(
    maximum,
    Number.isFinite(exclusiveMaximum) ? nextBelow(exclusiveMaximum) : Infinity,
  );
  for (const { value, path } of keywordValues(constraints.nodes, "format")) {
    if (knownFormat(value, path) === "int32") {
      low = Math.max(low, -(2 ** 31));
      high = Math.min(high, 2 ** 31 - 1);
    }
  }
  return { low, high };
}

/** A JSON number whose value is finite. */
function anyNumber(factory: ExpressionFactory): Expression {
  const range = (low: number, high: number) =>
    factory.bytes(ByteSet.range(0x30 + low, 0x30 + high));
  const digit = range(0, 9);
  const mark = factory.alternation(factory.literal("e"), factory.literal("E"));
  const plus = factory.optional(factory.literal("+"));
  const minus = factory.literal("-");
  const smallExponent = factory.repetition(digit, 1, 2);
  const fraction = factory.optional(
    factory.sequence(factory.literal("."), factory.repetition(digit, 1, 24)),
  );
  const exponent = (positive: Expression) =>
    factory.optional(
      factory.sequence(
        mark,
        factory.alternation(
          factory.sequence(plus, positive),
          factory.sequence(minus, factory.repetition(digit, 1, 3)),
        ),
      ),
    );
  // Below 10^308 in any case: the largest double is 1.8 · 10^308.
  const largeExponent = factory.alternation(
    smallExponent,
    factory.sequence(range(1, 2), digit, digit),
    factory.sequence(factory.literal("30"), range(0, 7)),
  );
  return factory.sequence(
    factory.optional(minus),
    factory.alternation(
      factory.sequence(digit, fraction, exponent(largeExponent)),
      factory.sequence(
        range(1, 9),
        factory.repetition(digit, 1, 20),
        fraction,
        exponent(smallExponent),
      ),
    ),
  );
}

/** `multipleOf`, as an integer over a power of ten. */
interface Step {
  readonly numerator: number;
  readonly decimals: number;
}

function stepsOf({ nodes }: Constraints): Step[] {
  return keywordValues(nodes, "multipleOf").flatMap(({ value, path }) => {
    if (typeof value !== "number" || !(value > 0)) throw badValue(value, path, "a number above 0");
    const { whole, fraction } = decimalOf(value);
    const numerator = Number(whole + fraction);
    if (numerator > maxRemainders || fraction.length > 20) {
      throw schemaError(
        path,
        `multiples of ${value} take too many remainders`,
        `use a number with at most ${maxRemainders} in its digits`,
        { keyword: "multipleOf", value },
      );
    }
    return [{ numerator, decimals: fraction.length }];
  });
}

/** Decimal texts whose value is a multiple of `numerator` / 10^`decimals`, read digit by digit. */
function multiples(factory: ExpressionFactory, { numerator, decimals }: Step): Expression {
  // State p · numerator + r: remainder r of the digits so far, p − 1 of them after the point; p = 0
  // before the point.
  const blueprints: TableBlueprint[] = [];
  for (let place = 0; place <= decimals + 1; place += 1) {
    const digitsAfter = Math.max(0, place - 1);
    for (let remainder = 0; remainder < numerator; remainder += 1) {
      const edges: { bytes: ByteSet; target: number }[] = [];
      const mayGoOn = place === 0 || digitsAfter < decimals;
      for (let digit = 0; digit <= 9 && mayGoOn; digit += 1) {
        const next = (remainder * 10 + digit) % numerator;
        edges.push({
          bytes: ByteSet.range(0x30 + digit, 0x30 + digit),
          target: (place === 0 ? 0 : place + 1) * numerator + next,
        });
      }
      if (place === 0) {
        edges.push({ bytes: ByteSet.range(0x2d, 0x2d), target: remainder });
        if (decimals > 0)
          edges.push({ bytes: ByteSet.range(0x2e, 0x2e), target: numerator + remainder });
      }
      let scaled = remainder;
      for (let digit = digitsAfter; digit < decimals; digit += 1) {
        scaled = (scaled * 10) % numerator;
      }
      blueprints.push({ accepts: scaled === 0, edges: merged(edges) });
    }
  }
  return new TransitionTable(factory, blueprints).start;
}

/** One edge for each target. */
function merged(edges: readonly { bytes: ByteSet; target: number }[]): TableBlueprint["edges"] {
  const byTarget = new Map<number, ByteSet>();
  for (const { bytes, target } of edges) {
    byTarget.set(target, byTarget.get(target)?.union(bytes) ?? bytes);
  }
  return Array.from(byTarget, ([target, bytes]) => ({ bytes, target }));
}
