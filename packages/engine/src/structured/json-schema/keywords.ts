import { excerpt, schemaError } from "../errors";
import type { SchemaObject } from "./schema-document";

/** Kinds of JSON values, as bits. Whole numbers and others are told apart. */
export const kinds = {
  null: 1,
  boolean: 2,
  integer: 4,
  fraction: 8,
  string: 16,
  array: 32,
  object: 64,
} as const;

export const allKinds = 127;

/** The bits of the `type` keyword's names. */
export const kindsOfType: ReadonlyMap<unknown, number> = new Map([
  ["null", kinds.null],
  ["boolean", kinds.boolean],
  ["integer", kinds.integer],
  ["number", kinds.integer | kinds.fraction],
  ["string", kinds.string],
  ["array", kinds.array],
  ["object", kinds.object],
]);

/** The kind of a JSON value. */
export function kindOf(value: unknown): number {
  if (value === null) return kinds.null;
  if (Array.isArray(value)) return kinds.array;
  if (typeof value === "number") {
    return Number.isInteger(value) ? kinds.integer : kinds.fraction;
  }
  return kindsOfType.get(typeof value) ?? 0;
}

const numbers = kinds.integer | kinds.fraction;

/** Keywords that say something about values of some kinds only. */
export const kindsOfKeyword: ReadonlyMap<string, number> = new Map([
  ["minLength", kinds.string],
  ["maxLength", kinds.string],
  ["pattern", kinds.string],
  ["format", kinds.string],
  ["minimum", numbers],
  ["maximum", numbers],
  ["exclusiveMinimum", numbers],
  ["exclusiveMaximum", numbers],
  ["multipleOf", numbers],
  ["properties", kinds.object],
  ["required", kinds.object],
  ["additionalProperties", kinds.object],
  ["patternProperties", kinds.object],
  ["propertyNames", kinds.object],
  ["minProperties", kinds.object],
  ["maxProperties", kinds.object],
  ["unevaluatedProperties", kinds.object],
  ["items", kinds.array],
  ["prefixItems", kinds.array],
  ["additionalItems", kinds.array],
  ["minItems", kinds.array],
  ["maxItems", kinds.array],
  ["uniqueItems", kinds.array],
  ["unevaluatedItems", kinds.array],
]);

/** The others that are enforced. */
const general: ReadonlySet<string> = new Set([
  "type",
  "enum",
  "const",
  "anyOf",
  "oneOf",
  "allOf",
  "$ref",
  "nullable",
]);

/** Keywords that allow and forbid nothing. Those that begin with `x-` are the same. */
const annotations: ReadonlySet<string> = new Set([
  "title",
  "description",
  "default",
  "example",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
  "discriminator",
  "externalDocs",
  "contentEncoding",
  "contentMediaType",
  "contentSchema",
  "$comment",
  "$schema",
  "$id",
  "$anchor",
  "$vocabulary",
  "$defs",
  "definitions",
]);

/** Standard keywords that token masks cannot enforce, and how to say it otherwise. */
const unsupported: ReadonlyMap<string, string> = new Map([
  ["not", "say what is allowed instead"],
  ["if", "use anyOf with one branch for each case"],
  ["then", "use anyOf with one branch for each case"],
  ["else", "use anyOf with one branch for each case"],
  ["contains", "use prefixItems, or items for all"],
  ["minContains", "use prefixItems, or items for all"],
  ["maxContains", "use prefixItems, or items for all"],
  ["dependentRequired", "use anyOf with one branch for each case"],
  ["dependentSchemas", "use anyOf with one branch for each case"],
  ["dependencies", "use anyOf with one branch for each case"],
  ["$dynamicRef", "use $ref"],
  ["$dynamicAnchor", "use $anchor"],
  ["$recursiveRef", "use $ref"],
  ["$recursiveAnchor", "use $anchor"],
]);

/** @throws {InvalidGrammarError} for a keyword that would otherwise go unheeded. */
export function checkKeywords(schema: SchemaObject, path: string): void {
  for (const keyword of Object.keys(schema)) {
    if (general.has(keyword) || kindsOfKeyword.has(keyword) || annotations.has(keyword)) continue;
    if (keyword.startsWith("x-")) continue;
    const remedy = unsupported.get(keyword);
    throw schemaError(
      path,
      remedy === undefined
        ? `the keyword ${excerpt(keyword)} is unknown`
        : `the keyword ${excerpt(keyword)} cannot be enforced`,
      remedy ?? "correct or remove it; own annotations begin with x-",
      { keyword },
    );
  }
}
