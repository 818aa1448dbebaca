import type { Expression, RepetitionExpression } from "./expression";

/** `height` of an expression, from its parts. */
export function heightOf(expression: Expression): number {
  switch (expression.kind) {
    case "sequence":
      return Math.max(1 + expression.head.height, expression.tail.height);
    case "alternation":
      return smallest(expression.options.map(({ height }) => height));
    case "repetition":
      return repetitionHeight(expression.body, expression.min);
    case "rule":
      return expression.body?.height ?? Number.POSITIVE_INFINITY;
    case "empty":
    case "bytes":
    case "table":
      return expression.height;
    default:
      return expression satisfies never;
  }
}

/** `shortest` of an expression, from its parts. */
export function lengthOf(expression: Expression): number {
  switch (expression.kind) {
    case "sequence":
      return expression.head.shortest + expression.tail.shortest;
    case "alternation":
      return smallest(expression.options.map(({ shortest }) => shortest));
    case "repetition":
      return repetitionLength(expression.body, expression.min);
    case "rule":
      return expression.body?.shortest ?? Number.POSITIVE_INFINITY;
    case "empty":
    case "bytes":
    case "table":
      return expression.shortest;
    default:
      return expression satisfies never;
  }
}

/** `shortest` of a repetition. */
export function repetitionLength(body: RepetitionExpression["body"], min: number): number {
  return min === 0 ? 0 : min * body.shortest;
}

/** `height` of a repetition. */
export function repetitionHeight(body: RepetitionExpression["body"], min: number): number {
  return min === 0 ? 0 : 1 + body.height;
}

/** The smallest value. Spreading thousands of them into Math.min would overflow the stack. */
export function smallest(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}

/** The largest value; 0 of none. */
export function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

/** The sum of all values. */
export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
