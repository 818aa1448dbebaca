import { anyCharacter, anyJsonCharacter } from "../character-encoding";
import { intersection } from "../combine";
import { schemaError } from "../errors";
import type { Expression } from "../expression";
import type { ExpressionFactory } from "../expression-factory";
import { fromPattern } from "../regular-expression";
import type { Constraints } from "./constraints";
import { knownFormat, stringFormats } from "./formats";
import { keywordValues, stringAt } from "./keyword-values";
import type { SchemaNode } from "./schema-document";

/** Shortest length that may be asked for. */
const maxMinLength = 100_000;

/** What stands between the quotation marks of a string that satisfies `constraints`. */
export function stringContent(factory: ExpressionFactory, constraints: Constraints): Expression {
  const { nodes, minLength, maxLength } = constraints;
  if (minLength > maxMinLength) {
    throw schemaError(
      nodes[0]?.path ?? "#",
      `minLength is ${minLength}, more than ${maxMinLength}`,
      "use a smaller one",
      { keyword: "minLength", value: minLength },
    );
  }
  const shapes = shapesOf(factory, nodes);
  if (shapes.length === 0) return factory.repetition(anyJsonCharacter(), minLength, maxLength);
  let content = shapes.reduce((all, shape) => intersection(factory, all, shape));
  if (minLength > 0 || Number.isFinite(maxLength)) {
    content = withLength(factory, content, minLength, maxLength);
  }
  return content;
}

/** What `pattern` and `format` ask for, each by itself. */
function shapesOf(factory: ExpressionFactory, nodes: readonly SchemaNode[]): Expression[] {
  const patterns = keywordValues(nodes, "pattern").map(({ value, path }) =>
    fromPattern(factory, stringAt(value, path), { encoding: "json", match: "anywhere" }),
  );
  const named = keywordValues(nodes, "format").flatMap(({ value, path }) => {
    const pattern = stringFormats.get(knownFormat(value, path));
    if (pattern === undefined) return [];
    return [fromPattern(factory, pattern, { encoding: "json", match: "whole" })];
  });
  return [...new Set([...patterns, ...named])];
}

function withLength(
  factory: ExpressionFactory,
  content: Expression,
  min: number,
  max: number,
): Expression {
  // Repetitions of one character need no automaton to be counted.
  const isRun = content.kind === "repetition" && content.body.isPrefixFree;
  if (isRun && content.body.size === 1) {
    return factory.repetition(content.body, Math.max(min, content.min), Math.min(max, content.max));
  }
  return intersection(factory, content, factory.repetition(anyCharacter("json"), min, max));
}
