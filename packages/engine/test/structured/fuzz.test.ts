import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compileGrammar,
  GrammarMatcher,
  InvalidGrammarError,
  type StructuredOutput,
} from "../../src/index";
import { allowedIds, randomFrom, vocabulary } from "./support/matching";

/** Seconds of processor time that a specification and thirty masks may take, on a busy machine. */
const limitSeconds = 5;

/** Compiles, and goes some tokens along the grammar; other errors than ours come out. */
function survive(spec: unknown): "made" | "refused" {
  const start = process.cpuUsage();
  try {
    const grammar = compileGrammar(spec as StructuredOutput);
    const matcher = new GrammarMatcher(grammar, vocabulary);
    const random = randomFrom(1);
    for (let step = 0; step < 30; step += 1) {
      const ids = allowedIds(matcher, vocabulary);
      expect(ids.length).toBeGreaterThan(0);
      matcher.accept(ids[Math.floor(random() * ids.length)]!);
    }
    return "made";
  } catch (error) {
    if (error instanceof InvalidGrammarError) return "refused";
    throw error;
  } finally {
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1e6).toBeLessThan(limitSeconds);
  }
}

const keywords = [
  "type",
  "enum",
  "const",
  "properties",
  "required",
  "additionalProperties",
  "patternProperties",
  "propertyNames",
  "minProperties",
  "maxProperties",
  "items",
  "prefixItems",
  "minItems",
  "maxItems",
  "minLength",
  "maxLength",
  "pattern",
  "format",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "anyOf",
  "oneOf",
  "allOf",
  "$ref",
  "$defs",
  "nullable",
  "unevaluatedProperties",
  "unevaluatedItems",
  "uniqueItems",
];

const values = fc.oneof(
  fc.constantFrom<unknown>(
    "string",
    "object",
    "array",
    "integer",
    "number",
    "null",
    "#",
    "#/$defs/a",
    "#/properties/a",
    "date",
    "^a+$",
    ".*b.{9}",
    ["object", "null"],
    ["a"],
    0,
    1,
    3,
    -1,
    1e9,
    1e300,
    0.1,
    true,
    false,
    null,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

/** JSON of schema keywords, well used about as often as not. */
const wildSchemas = fc.letrec<{ schema: unknown; entries: unknown }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4, depthSize: "medium" },
    values,
    fc.dictionary(fc.constantFrom(...keywords), tie("entries"), { maxKeys: 5 }),
  ),
  entries: fc.oneof(
    { maxDepth: 4, depthSize: "medium" },
    values,
    tie("schema"),
    fc.array(tie("schema"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "^a"), tie("schema"), { maxKeys: 3 }),
  ),
})).schema;

describe("no specification hangs or fails otherwise than by InvalidGrammarError", () => {
  it("random schemas", () => {
    const counts = { made: 0, refused: 0 };
    fc.assert(
      fc.property(wildSchemas, (schema) => {
        counts[survive({ type: "json_schema", schema })] += 1;
      }),
      { seed: 7, numRuns: 1500 },
    );
    expect(counts.made).toBeGreaterThan(100);
    expect(counts.refused).toBeGreaterThan(200);
  });

  it("random JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (schema) => {
        survive({ type: "json_schema", schema });
        survive(schema);
      }),
      { seed: 8, numRuns: 300 },
    );
  });

  it("random patterns", () => {
    const pieces = [
      "a",
      ".",
      "[^b]",
      "(",
      ")",
      "|",
      "*",
      "+",
      "?",
      "{2}",
      "{0,9}",
      "{1,300}",
      "\\p{L}",
      "^",
      "$",
      "\\",
      "b",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 14 }), (list) => {
        survive({ type: "regex", pattern: list.join("") });
        survive({
          type: "json_schema",
          schema: { type: "string", pattern: list.join(""), maxLength: 50 },
        });
      }),
      { seed: 9, numRuns: 500 },
    );
  });

  const open = { type: "object", properties: { a: { $ref: "#" }, b: { $ref: "#" } } };
  it.each<[string, unknown]>([
    ["a pattern with an exponential automaton", { type: "regex", pattern: "(a|b)*a(a|b){200}" }],
    ["the same over all characters", { type: "regex", pattern: ".*[aeiou ].{400}" }],
    [
      "the same with a length",
      { type: "json_schema", schema: { type: "string", pattern: "a.{20}", maxLength: 100 } },
    ],
    ["nested repetitions", { type: "regex", pattern: "((((a{1,9}){1,9}){1,9}){1,9}){1,9}" }],
    ["repetitions beside each other", { type: "regex", pattern: ".{0,100}.{0,100}.{0,100}x" }],
    [
      "many properties of Unicode",
      {
        type: "regex",
        pattern: ["Greek", "Han", "Latin", "Thai", "Arab"].map((s) => `\\p{Script=${s}}*`).join(""),
      },
    ],
    [
      "many alternatives",
      { type: "regex", pattern: Array.from({ length: 900 }, (_, i) => `.*${i}`).join("|") },
    ],
    [
      "a thousand optional properties",
      {
        type: "json_schema",
        schema: {
          properties: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`p${i}`, {}])),
        },
      },
    ],
    [
      "a thousand counted properties",
      {
        type: "json_schema",
        schema: {
          properties: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`p${i}`, {}])),
          maxProperties: 500,
        },
      },
    ],
    [
      "a large enum",
      {
        type: "json_schema",
        schema: { enum: Array.from({ length: 20_000 }, (_, i) => `value ${i}`) },
      },
    ],
    [
      "an enum of two",
      {
        type: "json_schema",
        schema: {
          allOf: [
            { enum: Array.from({ length: 3000 }, (_, i) => `v${i}`) },
            { enum: Array.from({ length: 3000 }, (_, i) => `v${i}`) },
          ],
        },
      },
    ],
    [
      "anyOf of anyOf",
      {
        type: "json_schema",
        schema: {
          allOf: Array.from({ length: 10 }, (_, i) => ({
            anyOf: [{ required: [`a${i}`] }, { required: [`b${i}`] }],
          })),
        },
      },
    ],
    [
      "anyOf that doubles at each level",
      {
        type: "json_schema",
        schema: {
          anyOf: [
            { type: "array", items: { $ref: "#" } },
            { type: "array", items: { $ref: "#" }, maxItems: 5 },
            { type: "array", prefixItems: [{ $ref: "#" }] },
            open,
          ],
        },
      },
    ],
    [
      "allOf that grows around a circle",
      { type: "json_schema", schema: { $defs: growing(12), $ref: "#/$defs/d0" } },
    ],
    [
      "oneOf of many",
      {
        type: "json_schema",
        schema: {
          oneOf: Array.from({ length: 128 }, (_, i) => ({
            type: "object",
            properties: { k: { const: i } },
            required: ["k"],
          })),
        },
      },
    ],
    [
      "patterns of properties",
      {
        type: "json_schema",
        schema: {
          patternProperties: {
            "a.*b": { minimum: 1 },
            "b.*c": { maximum: 9 },
            "c.*d": {},
            "d.*a": {},
          },
          additionalProperties: {},
        },
      },
    ],
    ["a wide multiple", { type: "json_schema", schema: { type: "number", multipleOf: 0.997 } }],
    ["a deep tree of $defs", { type: "json_schema", schema: chain(20_000) }],
    ["deep nesting", { type: "json_schema", schema: deep(100_000) }],
  ])("%s", (_, spec) => {
    survive(spec);
  });
});

it("texts may nest deep, but not without end", () => {
  const grammar = compileGrammar({ type: "json_schema", schema: true });
  const matcher = new GrammarMatcher(grammar, vocabulary);
  let depth = 0;
  while (depth < 5000 && matcher.accept(0x5b)) depth += 1;
  expect(depth).toBeGreaterThan(100);
  expect(depth).toBeLessThan(2000);
  // Whatever was begun can be completed.
  for (let level = 0; level < depth; level += 1) expect(matcher.accept(0x5d)).toBe(true);
  expect(matcher.isTerminated).toBe(true);
});

it("begins nothing so deep that it cannot be completed", () => {
  const objectWith = (name: string, schema: object) => ({
    type: "object",
    properties: { [name]: schema },
    required: [name],
  });
  const schema = {
    anyOf: [{ const: 0 }, objectWith("a", objectWith("b", objectWith("c", { $ref: "#" })))],
  };
  const matcher = new GrammarMatcher(compileGrammar({ type: "json_schema", schema }), vocabulary);
  const level = [...'{"a":{"b":{"c":'].map((character) => character.charCodeAt(0));
  let length = 0;
  while (matcher.accept(level[length % level.length]!)) length += 1;
  expect(length).toBeGreaterThan(1000);
  expect(length % level.length).toBe(0);
  expect(matcher.accept(0x30)).toBe(true);
  while (!matcher.isTerminated) expect(matcher.accept(0x7d)).toBe(true);
});

/** Definitions that each hold together with all that refer to them. */
function growing(count: number): object {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `d${index}`,
      {
        type: "object",
        properties: {
          a: {
            allOf: [
              { $ref: `#/$defs/d${(index + 1) % count}` },
              { $ref: `#/$defs/d${(index * 2) % count}` },
            ],
          },
          b: { $ref: `#/$defs/d${(index * 3 + 1) % count}` },
        },
      },
    ]),
  );
}

function chain(length: number): object {
  return {
    $ref: "#/$defs/d0",
    $defs: Object.fromEntries(
      Array.from({ length }, (_, index) => [
        `d${index}`,
        index === length - 1 ? { type: "null" } : { $ref: `#/$defs/d${index + 1}` },
      ]),
    ),
  };
}

function deep(depth: number): object {
  let schema: object = {};
  for (let level = 0; level < depth; level += 1) schema = { not: schema };
  return schema;
}
