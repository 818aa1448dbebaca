import { excerpt, type InvalidGrammarError, schemaError } from "../errors";
import type { SchemaNode, SchemaObject } from "./schema-document";

/** The value of a keyword in each schema that has it. */
export function keywordValues(
  nodes: readonly SchemaNode[],
  keyword: string,
): { readonly value: unknown; readonly path: string }[] {
  return nodes.flatMap(({ schema, path }) =>
    typeof schema === "object" && schema[keyword] !== undefined
      ? [{ value: schema[keyword], path: `${path}/${keyword}` }]
      : [],
  );
}

/** @throws {InvalidGrammarError} unless `value` is an object. */
function objectAt(value: unknown, path: string): SchemaObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badValue(value, path, "an object");
  }
  return value as SchemaObject;
}

/** The entries of an object of schemas, but for those that are `undefined`. */
export function entriesAt(value: unknown, path: string): [string, unknown][] {
  if (value === undefined) return [];
  return Object.entries(objectAt(value, path)).filter(([, part]) => part !== undefined);
}

/** @throws {InvalidGrammarError} unless `value` is an array. */
export function arrayAt(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw badValue(value, path, "an array");
  return value;
}

/** @throws {InvalidGrammarError} unless `value` is a string. */
export function stringAt(value: unknown, path: string): string {
  if (typeof value !== "string") throw badValue(value, path, "a string");
  return value;
}

/** The error about a keyword's value. */
export function badValue(value: unknown, path: string, expected: string): InvalidGrammarError {
  return schemaError(path, `it is ${excerpt(value)}`, `use ${expected}`, { value });
}
