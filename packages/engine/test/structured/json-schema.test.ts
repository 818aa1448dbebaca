import { describe, expect, it } from "vitest";
import { compileGrammar, InvalidGrammarError } from "../../src/index";
import { accepts } from "./support/matching";
import { validatorOf } from "./support/validator";

const grammarOf = (schema: object | boolean) => compileGrammar({ type: "json_schema", schema });

interface Case {
  readonly name: string;
  readonly schema: object | boolean;
  /** Valid, and written. */
  readonly allowed: readonly unknown[];
  /** Invalid, hence never written. */
  readonly invalid: readonly unknown[];
  /** Valid, but never written: a restriction that the guide names. */
  readonly unwritten?: readonly unknown[];
}

const closed = { additionalProperties: false };
const bytes = (count: number) => "x".repeat(count);

const cases: readonly Case[] = [
  {
    name: "true",
    schema: true,
    allowed: [null, true, 1.5, "a", [1], { a: { b: [] } }],
    invalid: [],
  },
  { name: "{}", schema: {}, allowed: [null, false, -3, "", [], {}], invalid: [] },
  { name: "null", schema: { type: "null" }, allowed: [null], invalid: [0, "null", false] },
  {
    name: "boolean",
    schema: { type: "boolean" },
    allowed: [true, false],
    invalid: [null, 0, "true"],
  },
  {
    name: "integer",
    schema: { type: "integer" },
    allowed: [0, -1, 42, 2 ** 53 - 1, -(2 ** 53 - 1)],
    invalid: [1.5, "1", null],
    unwritten: [2 ** 53, 1e21],
  },
  {
    name: "number",
    schema: { type: "number" },
    allowed: [0, -0.5, 1e300, 5e-324, 1.25e-7, 123456789.123, 2.5e307, 1e21, 0.1 + 0.2],
    invalid: ["1", null],
    unwritten: [Number.MAX_VALUE],
  },
  {
    name: "list of types",
    schema: { type: ["string", "null", "integer"] },
    allowed: ["a", null, 3],
    invalid: [true, 1.5, [], {}],
  },
  {
    name: "string",
    schema: { type: "string" },
    allowed: ["", "a b", '"\\/\b\f\n\r\t', "\u0000\u001f\u007f", "é日😀\u2028"],
    invalid: [1, null, ["a"]],
  },
  {
    name: "enum",
    schema: {
      enum: ["a", "ab", 'say "hi"', "日", 1, -2.5, 1e21, null, true, [1, "x"], { a: [], b: {} }],
    },
    allowed: ["a", "ab", 'say "hi"', "日", 1, -2.5, 1e21, null, true, [1, "x"], { a: [], b: {} }],
    invalid: ["b", "abc", 2, false, [1], {}],
  },
  { name: "const", schema: { const: { a: 1 } }, allowed: [{ a: 1 }], invalid: [{ a: 2 }, {}, 1] },
  { name: "const null", schema: { const: null }, allowed: [null], invalid: [0, ""] },
  {
    name: "enum beside other keywords",
    schema: {
      type: ["string", "number"],
      enum: ["a", "abc", null, 1, 5, 5.5],
      maxLength: 2,
      minimum: 2,
      multipleOf: 0.5,
    },
    allowed: ["a", 5, 5.5],
    invalid: ["abc", null, 1],
  },
  {
    name: "enum and const of one another",
    schema: { enum: [1, 2, 3], allOf: [{ enum: [2, 3, 4] }, { const: 3 }] },
    allowed: [3],
    invalid: [1, 2, 4],
  },
  {
    name: "minLength and maxLength count code points",
    schema: { type: "string", minLength: 2, maxLength: 3 },
    allowed: ["ab", "abc", "😀😀", "日本語", '""', "\n\t"],
    invalid: ["", "a", "abcd", "😀", "😀😀😀😀"],
  },
  {
    name: "pattern anywhere",
    schema: { type: "string", pattern: "b+c" },
    allowed: ["bc", "abbcd", "\nbc\n", '"bc"', "bc日"],
    invalid: ["", "b", "c"],
  },
  {
    name: "pattern with anchors",
    schema: { type: "string", pattern: "^[a-z]{2}$|^\\d+" },
    allowed: ["ab", "1", "12x"],
    invalid: ["abc", "a", "x1"],
  },
  {
    name: "pattern of characters that JSON escapes",
    schema: { type: "string", pattern: '^["\\\\\\n\\u0001-\\u0003]+$' },
    allowed: ['"', "\\", "\n\n", "\u0002"],
    invalid: ["", "n", "a", "\u0004"],
  },
  {
    name: "pattern and length",
    schema: { type: "string", pattern: "a.*b", minLength: 4, maxLength: 6 },
    allowed: ["acbb", "xxxaxb", "aab日本", "axxxxb"],
    invalid: ["ab", "axb", "aaaa", "axxxxxb"],
  },
  {
    name: "pattern of one class and length",
    schema: { type: "string", pattern: "^[a-z\\n]+$", minLength: 2, maxLength: 300 },
    allowed: ["ab", "a\n", "a".repeat(300)],
    invalid: ["a", "A1", "a".repeat(301)],
  },
  {
    name: "several patterns",
    schema: { type: "string", pattern: "a", allOf: [{ pattern: "b" }, { pattern: "^.{2,3}$" }] },
    allowed: ["ab", "bxa"],
    invalid: ["a", "b", "xaxb"],
  },
  {
    name: "minimum and maximum of integers",
    schema: { type: "integer", minimum: -12, maximum: 105 },
    allowed: [-12, -10, -9, -1, 0, 7, 10, 99, 100, 105],
    invalid: [-13, -100, 106, 110, 1000, 5.5],
  },
  {
    name: "exclusive bounds of integers",
    schema: { type: "integer", exclusiveMinimum: 9, exclusiveMaximum: 12.5 },
    allowed: [10, 11, 12],
    invalid: [9, 13],
  },
  {
    name: "fractional bounds of integers",
    schema: { type: "integer", minimum: -0.5, maximum: 2.9 },
    allowed: [0, 1, 2],
    invalid: [-1, 3],
  },
  {
    name: "bounds of numbers",
    schema: { type: "number", minimum: -1.25, maximum: 10.5 },
    allowed: [-1.25, -1.2, -1, -0.001, 0, 0.5, 1, 9.99, 10, 10.5, 10.49999],
    invalid: [-1.26, -1.251, -2, 10.51, 10.6, 11, 100],
    unwritten: [1e-7],
  },
  {
    name: "exclusive bounds of numbers",
    schema: { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1 },
    allowed: [0.5, 0.001, 0.999999, 0.9999999999999999],
    invalid: [0, 1, 1.5, -0.5],
  },
  {
    name: "one bound",
    schema: { type: "number", minimum: 3.5 },
    allowed: [3.5, 3.75, 4, 10, 1e15],
    invalid: [3, 3.4, -4, 0],
  },
  {
    name: "a bound beyond safe integers",
    schema: { type: "number", maximum: -1e20 },
    allowed: [-1e20],
    invalid: [0, -1e19, 5],
  },
  {
    name: "bounds that meet",
    schema: { type: "number", minimum: 0.3, maximum: 0.3 },
    allowed: [0.3],
    invalid: [0.2, 0.31, 0],
  },
  {
    name: "multipleOf of integers",
    schema: { type: "integer", multipleOf: 7, minimum: -100, maximum: 1000 },
    allowed: [0, 7, -7, 98, 994, -98],
    invalid: [1, 8, -6, 1001, 995],
  },
  {
    name: "multipleOf of numbers",
    schema: { type: "number", multipleOf: 0.25 },
    allowed: [0, 0.25, 1.5, -7.75, 100],
    invalid: [0.1, 0.3, 1.26, 5.125],
  },
  {
    name: "multipleOf a cent",
    schema: { type: "number", multipleOf: 0.01, minimum: 0 },
    allowed: [0, 0.07, 19.99, 5, 1.1],
    invalid: [0.005, 1.999],
  },
  {
    name: "several multipleOf",
    schema: {
      type: "integer",
      allOf: [{ multipleOf: 4 }, { multipleOf: 6 }],
      minimum: 1,
      maximum: 50,
    },
    allowed: [12, 24, 36, 48],
    invalid: [4, 6, 18, 0, 60],
  },
  {
    name: "int32",
    schema: { type: "integer", format: "int32", minimum: -(2 ** 31), maximum: 2 ** 31 - 1 },
    allowed: [2 ** 31 - 1, -(2 ** 31)],
    invalid: [2 ** 31],
  },
  {
    name: "properties",
    schema: {
      type: "object",
      properties: { a: { type: "integer" }, b: { type: "string" }, c: { type: "null" } },
      required: ["b"],
    },
    allowed: [{ b: "x" }, { a: 1, b: "x" }, { b: "x", c: null }, { a: 1, b: "x", c: null }],
    invalid: [{}, { a: 1 }, { b: 1 }, { a: "x", b: "x" }, []],
    unwritten: [
      { b: "x", a: 1 },
      { b: "x", d: 1 },
    ],
  },
  {
    name: "properties that are all optional",
    schema: { type: "object", properties: { a: true, b: false, "c d": { const: 1 }, "": {} } },
    allowed: [{}, { a: [] }, { "c d": 1 }, { a: null, "c d": 1, "": 2 }],
    invalid: [{ b: 1 }, { "c d": 2 }],
  },
  {
    name: "names that JSON escapes",
    schema: { type: "object", properties: { 'a"b': { const: 1 }, "é\n": { const: 2 } }, ...closed },
    allowed: [{ 'a"b': 1, "é\n": 2 }],
    invalid: [{ a: 1 }, { 'a"b': 2 }],
  },
  {
    name: "required names that are not declared",
    schema: { type: "object", properties: { a: { const: 1 } }, required: ["z", "a"] },
    allowed: [{ a: 1, z: [1] }],
    invalid: [{ a: 1 }, { z: 1 }],
  },
  {
    name: "additionalProperties",
    schema: {
      type: "object",
      properties: { ab: { const: 1 } },
      additionalProperties: { type: "boolean" },
    },
    allowed: [
      {},
      { ab: 1 },
      { ab: 1, a: true, abc: false, b: true, "": true },
      { x: true },
      { 'a"': true },
    ],
    invalid: [{ ab: true }, { x: 1 }, { ab: 1, abc: 1 }],
  },
  {
    name: "additionalProperties: true",
    schema: { type: "object", properties: { a: { const: 1 } }, additionalProperties: true },
    allowed: [{ a: 1, b: { c: [1, "x"] } }, { c: null }],
    invalid: [{ a: 2 }],
  },
  {
    name: "additionalProperties: false",
    schema: { type: "object", properties: { a: { const: 1 } }, additionalProperties: false },
    allowed: [{}, { a: 1 }],
    invalid: [{ b: 1 }, { a: 1, b: 1 }],
  },
  {
    name: "unevaluatedProperties: false",
    schema: {
      type: "object",
      allOf: [{ properties: { a: { const: 1 } } }],
      properties: { b: { const: 2 } },
      unevaluatedProperties: false,
    },
    allowed: [{}, { b: 2, a: 1 }],
    invalid: [{ c: 1 }, { a: 2 }],
  },
  {
    name: "unevaluatedProperties: false over branches",
    schema: {
      type: "object",
      properties: { a: { const: 1 } },
      anyOf: [{ properties: { x: { const: 1 } }, required: ["x"] }, { properties: { y: {} } }],
      unevaluatedProperties: false,
    },
    allowed: [{}, { a: 1, x: 1 }, { a: 1, y: 2 }],
    invalid: [{ b: 1 }, { a: 2 }],
  },
  {
    name: "unevaluatedItems: false",
    schema: {
      type: "array",
      unevaluatedItems: false,
      allOf: [{ prefixItems: [{ const: 1 }] }],
    },
    allowed: [[], [1]],
    invalid: [[2], [1, 2]],
  },
  {
    name: "patternProperties",
    schema: {
      type: "object",
      properties: { a1: { minimum: 5, type: "integer" } },
      patternProperties: { "^a": { type: "integer" }, "\\d$": { maximum: 9, type: "number" } },
      additionalProperties: { type: "string" },
    },
    allowed: [{ a1: 7, ab: 100, b2: 3.5, a2: 4, c: "x" }, { ab: 10 }, { c: "", d: "" }],
    invalid: [{ a1: 3 }, { a1: 12 }, { ab: "x" }, { a2: 10 }, { a2: 1.5 }, { b2: 10 }, { c: 1 }],
  },
  {
    name: "patternProperties alone",
    schema: { type: "object", patternProperties: { "^x-": { type: "string" } }, ...closed },
    allowed: [{}, { "x-a": "1", "x-": "" }],
    invalid: [{ "x-a": 1 }, { y: "" }],
  },
  {
    name: "propertyNames",
    schema: {
      type: "object",
      propertyNames: { pattern: "^[a-z]+$", maxLength: 3 },
      additionalProperties: { type: "integer" },
    },
    allowed: [{}, { a: 1, abc: 2 }],
    invalid: [{ abcd: 1 }, { A: 1 }, { "": 1 }],
  },
  {
    name: "propertyNames from a list",
    schema: {
      type: "object",
      properties: { a: { type: "integer" }, b: { type: "integer" } },
      propertyNames: { enum: ["a", "c"] },
      additionalProperties: { type: "string" },
    },
    allowed: [{}, { a: 1 }, { a: 1, c: "x" }],
    invalid: [{ b: 1 }, { d: "x" }, { c: 1 }],
  },
  {
    name: "minProperties and maxProperties",
    schema: {
      type: "object",
      properties: { a: { const: 1 }, b: { const: 2 }, c: { const: 3 }, d: { const: 4 } },
      required: ["b"],
      minProperties: 2,
      maxProperties: 3,
    },
    allowed: [
      { a: 1, b: 2 },
      { b: 2, d: 4 },
      { a: 1, b: 2, c: 3 },
      { b: 2, c: 3, d: 4 },
    ],
    invalid: [{ b: 2 }, { a: 1, b: 2, c: 3, d: 4 }, { a: 1, c: 3 }],
  },
  {
    name: "maxProperties of any",
    schema: { type: "object", maxProperties: 2 },
    allowed: [{}, { a: 1 }, { a: 1, b: 2 }],
    invalid: [{ a: 1, b: 2, c: 3 }],
  },
  {
    name: "maxProperties with others",
    schema: {
      type: "object",
      properties: { a: { const: 1 }, b: { const: 2 } },
      additionalProperties: { const: 3 },
      maxProperties: 2,
    },
    allowed: [{}, { a: 1 }, { a: 1, b: 2 }, { a: 1, x: 3 }, { x: 3, y: 3 }, { b: 2, x: 3 }],
    invalid: [
      { a: 1, b: 2, x: 3 },
      { x: 3, y: 3, z: 3 },
      { a: 1, x: 3, y: 3 },
    ],
  },
  {
    name: "minProperties: 1",
    schema: { type: "object", additionalProperties: { type: "integer" }, minProperties: 1 },
    allowed: [{ a: 1 }, { a: 1, b: 2 }],
    invalid: [{}],
  },
  {
    name: "minProperties with others",
    schema: {
      type: "object",
      properties: { a: { const: 1 }, b: { const: 2 } },
      additionalProperties: { const: 3 },
      minProperties: 2,
    },
    allowed: [
      { a: 1, b: 2 },
      { a: 1, x: 3 },
      { b: 2, x: 3, y: 3 },
    ],
    invalid: [{}, { a: 1 }, { x: 3 }],
    unwritten: [{ x: 3, y: 3 }],
  },
  {
    name: "maxProperties: 0",
    schema: { type: "object", maxProperties: 0 },
    allowed: [{}],
    invalid: [{ a: 1 }],
  },
  {
    name: "items",
    schema: { type: "array", items: { type: "integer" } },
    allowed: [[], [1], [1, 2, 3]],
    invalid: [["a"], [1, null], {}],
  },
  {
    name: "minItems and maxItems",
    schema: { type: "array", items: { type: "boolean" }, minItems: 1, maxItems: 3 },
    allowed: [[true], [true, false], [true, true, true]],
    invalid: [[], [true, true, true, true]],
  },
  { name: "maxItems: 0", schema: { type: "array", maxItems: 0 }, allowed: [[]], invalid: [[1]] },
  {
    name: "prefixItems",
    schema: { type: "array", prefixItems: [{ const: 1 }, { type: "string" }, { type: "null" }] },
    allowed: [[], [1], [1, "a"], [1, "a", null]],
    invalid: [[2], [1, 2], ["a"]],
    unwritten: [[1, "a", null, 5]],
  },
  {
    name: "prefixItems and items",
    schema: {
      type: "array",
      prefixItems: [{ const: 1 }],
      items: { const: 2 },
      minItems: 2,
      maxItems: 4,
    },
    allowed: [
      [1, 2],
      [1, 2, 2],
      [1, 2, 2, 2],
    ],
    invalid: [[], [1], [2, 2], [1, 1], [1, 2, 2, 2, 2]],
  },
  {
    name: "prefixItems and items: false",
    schema: { type: "array", prefixItems: [{ const: 1 }, { const: 2 }], items: false, minItems: 2 },
    allowed: [[1, 2]],
    invalid: [[1], [1, 2, 3]],
  },
  {
    name: "prefixItems that are fewer than minItems",
    schema: { type: "array", prefixItems: [{ const: 1 }], minItems: 3, maxItems: 3 },
    allowed: [[1, "x", null]],
    invalid: [[1], [1, 2], [2, 2, 2], [1, 2, 3, 4]],
  },
  {
    name: "anyOf",
    schema: {
      anyOf: [
        { type: "integer" },
        { type: "string", maxLength: 2 },
        { type: "string", pattern: "^x" },
      ],
    },
    allowed: [1, "ab", "xyz"],
    invalid: ["abc", 1.5, null],
  },
  {
    name: "anyOf beside other keywords",
    schema: {
      type: "object",
      properties: { kind: { type: "string" }, id: { type: "integer" } },
      required: ["kind"],
      anyOf: [
        { properties: { kind: { const: "a" }, size: { type: "integer" } }, required: ["size"] },
        { properties: { kind: { const: "b" } } },
      ],
    },
    allowed: [
      { kind: "a", size: 1 },
      { kind: "a", id: 2, size: 1 },
      { kind: "b", id: 1 },
    ],
    invalid: [{ kind: "a" }, { kind: "c" }, { kind: "a", size: "x" }],
  },
  {
    name: "oneOf of types",
    schema: {
      oneOf: [{ type: "string" }, { type: "number" }, { type: "array", items: { type: "null" } }],
    },
    allowed: ["a", 1.5, [null]],
    invalid: [null, [1]],
  },
  {
    name: "oneOf told apart by a constant",
    schema: {
      oneOf: [
        {
          type: "object",
          properties: { t: { const: "a" }, x: { type: "integer" } },
          required: ["t", "x"],
          ...closed,
        },
        {
          type: "object",
          properties: { t: { const: "b" } },
          required: ["t"],
          additionalProperties: true,
        },
        { type: "object", properties: { t: { enum: ["c", "d"] } }, required: ["t"] },
      ],
    },
    allowed: [{ t: "a", x: 1 }, { t: "b" }, { t: "b", x: "y" }, { t: "d" }],
    invalid: [{ t: "a" }, { t: "e" }, { x: 1 }],
  },
  {
    name: "oneOf told apart by bounds",
    schema: {
      oneOf: [
        { type: "integer", maximum: 5 },
        { type: "integer", exclusiveMinimum: 5, maximum: 9 },
        { type: "string", maxLength: 2 },
        { type: "string", minLength: 3 },
        { type: "array", maxItems: 1 },
        { type: "array", minItems: 2, items: { type: "null" } },
      ],
    },
    allowed: [5, 6, "ab", "abc", ["x"], [null, null]],
    invalid: [10, [1, 2]],
  },
  {
    name: "oneOf of closed objects",
    schema: {
      oneOf: [
        { type: "object", properties: { a: { type: "integer" } }, required: ["a"], ...closed },
        {
          type: "object",
          properties: { a: { type: "integer" }, b: {} },
          required: ["a", "b"],
          ...closed,
        },
      ],
    },
    allowed: [{ a: 1 }, { a: 1, b: 2 }],
    invalid: [{}, { b: 1 }],
  },
  {
    name: "allOf",
    schema: {
      allOf: [
        { type: "object", properties: { a: { type: "integer", minimum: 3 } }, required: ["a"] },
        { properties: { a: { maximum: 5 }, b: { const: 1 } } },
      ],
    },
    allowed: [{ a: 3 }, { a: 5, b: 1 }],
    invalid: [{ a: 2 }, { a: 6 }, { b: 1 }],
  },
  {
    name: "allOf of types and of alternatives",
    schema: {
      allOf: [
        { type: ["integer", "string", "null"] },
        { anyOf: [{ type: "integer", minimum: 3 }, { type: "string" }, { type: "array" }] },
        { anyOf: [{ type: "integer" }, { type: "string", maxLength: 1 }] },
      ],
    },
    allowed: [3, "a"],
    invalid: [2, null, "ab", []],
  },
  {
    name: "allOf of closed objects",
    schema: {
      allOf: [
        { type: "object", properties: { a: {}, b: {} }, ...closed },
        { properties: { b: { const: 1 }, c: {} } },
      ],
    },
    allowed: [{}, { a: 1 }, { a: 1, b: 1 }],
    invalid: [{ c: 1 }, { b: 2 }],
  },
  {
    name: "$ref",
    schema: {
      type: "object",
      properties: { a: { $ref: "#/$defs/p" }, b: { $ref: "#/definitions/a~1b%20c~0" } },
      required: ["a", "b"],
      $defs: { p: { type: "integer" } },
      definitions: { "a/b c~": { $ref: "#/$defs/p", minimum: 3 } },
    },
    allowed: [{ a: 1, b: 3 }],
    invalid: [
      { a: 1, b: 2 },
      { a: "x", b: 3 },
    ],
  },
  {
    name: "$ref to an anchor and to the whole by its id",
    schema: {
      $id: "https://example.com/tree",
      type: "object",
      properties: { next: { $ref: "https://example.com/tree" }, n: { $ref: "#num" } },
      required: ["n"],
      ...closed,
      $defs: { num: { $anchor: "num", type: "integer" } },
    },
    allowed: [{ n: 1 }, { next: { next: { n: 1 }, n: 2 }, n: 3 }],
    invalid: [{ next: {}, n: 1 }, { n: "x" }],
  },
  {
    name: "recursion",
    schema: {
      $defs: {
        tree: {
          type: "object",
          properties: {
            value: { type: "integer" },
            children: { type: "array", items: { $ref: "#/$defs/tree" } },
          },
          required: ["value", "children"],
          ...closed,
        },
      },
      $ref: "#/$defs/tree",
    },
    allowed: [
      { value: 1, children: [] },
      {
        value: 1,
        children: [
          { value: 2, children: [{ value: 3, children: [] }] },
          { value: 4, children: [] },
        ],
      },
    ],
    invalid: [{ value: 1 }, { value: 1, children: [{}] }, []],
  },
  {
    name: "recursion in two ways",
    schema: {
      anyOf: [
        { type: "array", items: { $ref: "#" } },
        { type: "array", items: { $ref: "#" }, maxItems: 1 },
        { type: "string", maxLength: 1 },
        { type: "object", additionalProperties: { $ref: "#" } },
      ],
    },
    allowed: ["a", ["a", ["b", [[]]]], { x: { y: ["a"] }, z: "b" }],
    invalid: ["ab", [1], [["ab"]], { x: null }],
  },
  {
    name: "references around a circle",
    schema: {
      $ref: "#/$defs/a",
      $defs: {
        a: { type: "object", properties: { b: { $ref: "#/$defs/b" } }, ...closed },
        b: { type: "array", items: { $ref: "#/$defs/a" }, maxItems: 2 },
      },
    },
    allowed: [{}, { b: [] }, { b: [{}, { b: [] }] }],
    invalid: [{ a: 1 }, { b: [{}, {}, {}] }, []],
  },
  {
    name: "annotations",
    schema: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: "t",
      description: "d",
      type: "integer",
      default: 1,
      examples: [2],
      deprecated: true,
      readOnly: true,
      $comment: "c",
      "x-own": 1,
    },
    allowed: [1],
    invalid: ["1"],
  },
  {
    name: "keywords for some kinds imply those kinds",
    schema: { minimum: 3 },
    allowed: [3, 4.5],
    invalid: [2],
    unwritten: ["a", null],
  },
  {
    name: "false in a branch",
    schema: { anyOf: [false, { type: "null" }] },
    allowed: [null],
    invalid: [],
  },
  {
    name: "a branch that contradicts itself",
    schema: { anyOf: [{ type: "string", minLength: 3, maxLength: 2 }, { const: 1 }] },
    allowed: [1],
    invalid: ["", "abc"],
  },
  {
    name: "a property that no value satisfies",
    schema: {
      type: "object",
      properties: { a: { allOf: [{ type: "string" }, { type: "null" }] }, b: { const: 1 } },
    },
    allowed: [{}, { b: 1 }],
    invalid: [{ a: null }, { a: "x" }],
  },
  {
    name: "json of many kinds",
    schema: { type: "array", items: {} },
    allowed: [[1, "a", [{}], { a: [] }]],
    invalid: [],
  },
  {
    name: "long strings",
    schema: { type: "string", maxLength: 100_000 },
    allowed: [bytes(100_000)],
    invalid: [bytes(100_001)],
  },
  {
    name: "date",
    schema: { type: "string", format: "date" },
    allowed: ["2024-02-29", "2023-12-31", "2000-02-29", "1999-04-30"],
    invalid: ["2023-02-29", "1900-02-29", "2024-13-01", "2024-04-31", "2024-1-1", "2024-01-00", ""],
  },
  {
    name: "time",
    schema: { type: "string", format: "time" },
    allowed: ["00:00:00Z", "23:59:59.123Z", "12:30:00+05:30", "12:30:00-23:59"],
    invalid: ["24:00:00Z", "12:60:00Z", "12:30Z", "12:30:00+24:00", "12:30:00"],
  },
  {
    name: "date-time",
    schema: { type: "string", format: "date-time" },
    allowed: ["2024-02-29T12:00:00Z", "1985-04-12T23:20:50.52Z", "1996-12-19T16:39:57-08:00"],
    invalid: ["2023-02-29T12:00:00Z", "2024-01-01", "2024-01-01T25:00:00Z", "2024-01-01T12:00:00"],
  },
  {
    name: "duration",
    schema: { type: "string", format: "duration" },
    allowed: ["P3D", "P1Y2M3DT4H5M6S", "PT5M", "P4W", "PT1H30M"],
    invalid: ["P", "PT", "P1", "1D", "P1D2H"],
  },
  {
    name: "email",
    schema: { type: "string", format: "email" },
    allowed: ["a@b.co", "first.last+tag@mail.example.org"],
    invalid: ["a", "a@", "@b.co", "a b@c.de", "a..b@c.de"],
  },
  {
    name: "hostname",
    schema: { type: "string", format: "hostname" },
    allowed: ["localhost", "www.example.com", "a-b.c1"],
    invalid: ["-a.com", "a-.com", "a..b", "", "a_b"],
  },
  {
    name: "ipv4",
    schema: { type: "string", format: "ipv4" },
    allowed: ["0.0.0.0", "192.168.1.255", "8.8.8.8"],
    invalid: ["256.1.1.1", "1.1.1", "1.1.1.1.1"],
  },
  {
    name: "ipv6",
    schema: { type: "string", format: "ipv6" },
    allowed: ["::", "::1", "2001:db8::ff00:42:8329", "1:2:3:4:5:6:7:8", "fe80::", "1::3:4:5:6:7:8"],
    invalid: ["1:2:3", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "g::"],
  },
  {
    name: "uuid",
    schema: { type: "string", format: "uuid" },
    allowed: ["123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000"],
    invalid: ["123e4567-e89b-12d3-a456-42661417400", "x23e4567-e89b-12d3-a456-426614174000"],
  },
  {
    name: "uri",
    schema: { type: "string", format: "uri" },
    allowed: ["https://example.com", "http://a.b:8080/c/d?e=f&g=%20#h", "ftp://x.org/"],
    invalid: ["example.com", "//a.b", "http://a b", "/x"],
  },
  {
    name: "json-pointer",
    schema: { type: "string", format: "json-pointer" },
    allowed: ["", "/a/b", "/~0~1", "//"],
    invalid: ["a", "/~2", "/~"],
  },
  {
    name: "format and pattern and length",
    schema: { type: "string", format: "date", pattern: "^20", maxLength: 10 },
    allowed: ["2024-01-01"],
    invalid: ["1999-01-01"],
  },
];

describe.each(cases)("$name", ({ schema, allowed, invalid, unwritten = [] }) => {
  const grammar = grammarOf(schema);
  const isValid = validatorOf(schema);

  it("is written where it is valid", () => {
    for (const value of allowed) {
      const text = JSON.stringify(value);
      expect(isValid(value), `Ajv on ${text}`).toBe(true);
      expect(accepts(grammar, text), text.slice(0, 200)).toBe(true);
      if (text.length < 1000) expect(accepts(grammar, JSON.stringify(value, null, 2))).toBe(true);
    }
  });

  it("is not written where it is invalid", () => {
    for (const value of [...invalid, ...unwritten]) {
      const text = JSON.stringify(value);
      expect(isValid(value), `Ajv on ${text}`).toBe(unwritten.includes(value));
      expect(accepts(grammar, text), text.slice(0, 200)).toBe(false);
    }
  });
});

it("allows null where an OpenAPI schema is nullable", () => {
  const grammar = grammarOf({ type: "string", nullable: true });
  expect(accepts(grammar, "null")).toBe(true);
  expect(accepts(grammar, '"a"')).toBe(true);
  expect(accepts(grammar, "1")).toBe(false);
});

it("takes items as they were before draft 2020-12", () => {
  const grammar = grammarOf({
    type: "array",
    items: [{ const: 1 }],
    additionalItems: { const: 2 },
  });
  expect(accepts(grammar, "[1,2,2]")).toBe(true);
  expect(accepts(grammar, "[2]")).toBe(false);
});

it("keeps integers of the format int32 in 32 bits", () => {
  const grammar = grammarOf({ type: "integer", format: "int32" });
  expect(accepts(grammar, "2147483647")).toBe(true);
  expect(accepts(grammar, "2147483648")).toBe(false);
  expect(accepts(grammar, "-2147483649")).toBe(false);
});

describe("white space", () => {
  const grammar = grammarOf({
    type: "array",
    items: { type: "object", properties: { a: { const: 1 } }, required: ["a"] },
  });

  it.each([
    "[]",
    '[{"a":1}]',
    '[ {"a": 1}, { "a": 1 } ]',
    '[\n  {\n    "a": 1\n  }\n]',
    `[\n${" ".repeat(20)}{"a":1}]`,
  ])("may be %j", (text) => expect(accepts(grammar, text)).toBe(true));

  it.each([
    " []",
    "[] ",
    "[ ]",
    '[  {"a":1}]',
    '[\n\n{"a":1}]',
    `[\n${" ".repeat(21)}{"a":1}]`,
    '[{"a" :1}]',
    '[{"a":  1}]',
    '[{"a":\n1}]',
    '[{"a":1} ,{"a":1}]',
    '[\t{"a":1}]',
  ])("may not be %j", (text) => expect(accepts(grammar, text)).toBe(false));
});

it("writes characters by escapes in strings without a pattern, but surrogates only in pairs", () => {
  const grammar = grammarOf({ type: "string", minLength: 1, maxLength: 2 });
  for (const text of [
    '"\\u0041"',
    '"\\ud83d\\ude00"',
    '"\\/\\D83D\\uDE00"'.replace("\\D", "\\uD"),
    '"\\ud7ff\\ue000"',
  ]) {
    expect(accepts(grammar, text), text).toBe(true);
  }
  for (const text of [
    '"\\ud83d"',
    '"\\ude00"',
    '"\\ud83dx"',
    '"\\ud83d\\u0041"',
    '"\\x"',
    '"\\u12"',
    '"\u0001"',
  ]) {
    expect(accepts(grammar, text), text).toBe(false);
  }
});

it("never writes a declared name in other characters", () => {
  const grammar = grammarOf({
    type: "object",
    properties: { a: { type: "integer" } },
    additionalProperties: { type: "string" },
  });
  expect(accepts(grammar, '{"\\u0061":"x"}')).toBe(false);
  expect(accepts(grammar, '{"b":"x","b":"y"}')).toBe(true);
});

describe("a schema is refused", () => {
  it.each<[name: string, schema: unknown, message: string, path?: string]>([
    ["not", { not: { type: "null" } }, "not", "#"],
    ["if", { properties: { a: { if: {}, else: {} } } }, '"if"', "#/properties/a"],
    ["contains", { type: "array", contains: {} }, "contains", "#"],
    ["uniqueItems", { type: "array", uniqueItems: true }, "uniqueItems", "#/uniqueItems"],
    ["dependentRequired", { dependentRequired: {} }, "dependentRequired", "#"],
    ["an unknown keyword", { type: "integer", minimun: 3 }, '"minimun" is unknown', "#"],
    ["an unknown format", { type: "string", format: "iban" }, '"iban"', "#/format"],
    ["an unknown format of a number", { type: "number", format: "uint8" }, '"uint8"', "#/format"],
    ["an unknown type", { type: "int" }, '"int"', "#/type"],
    ["a schema that is none", { properties: { a: 3 } }, "3 is not a schema", "#/properties/a"],
    ["a schema that is a string", "object", "not a schema", "#"],
    ["a list as a schema", [], "not a schema", "#"],
    ["undefined", undefined, "undefined"],
    ["a function", { default: () => 1 }, "function", "#/default"],
    ["a number that is none", { minimum: Number.NaN }, "number", "#/minimum"],
    ["a negative length", { type: "string", minLength: -1 }, "-1", "#/minLength"],
    ["a fractional count", { type: "array", maxItems: 1.5 }, "1.5", "#/maxItems"],
    ["a textual bound", { type: "number", minimum: "3" }, '"3"', "#/minimum"],
    [
      "draft 4's exclusive bounds",
      { type: "number", minimum: 1, exclusiveMinimum: true },
      "true",
      "#/exclusiveMinimum",
    ],
    ["multipleOf 0", { type: "number", multipleOf: 0 }, "above 0", "#/multipleOf"],
    ["a multiple of much", { type: "integer", multipleOf: 1234567 }, "remainders", "#/multipleOf"],
    ["properties in a list", { type: "object", properties: [] }, "an object", "#/properties"],
    ["required that is no list", { type: "object", required: "a" }, "an array", "#/required"],
    ["required of numbers", { type: "object", required: [1] }, "a string", "#/required/0"],
    ["enum that is no list", { enum: "a" }, "an array", "#/enum"],
    ["an empty enum", { enum: [] }, "no text satisfies"],
    ["anyOf that is no list", { anyOf: {} }, "an array", "#/anyOf"],
    ["a pattern with an error", { type: "string", pattern: "(" }, "Unterminated group"],
    ["a pattern with look-ahead", { type: "string", pattern: "(?=a)" }, "look-around"],
    ["a reference to nothing", { $ref: "#/$defs/a" }, "leads nowhere", "#"],
    ["a reference elsewhere", { $ref: "https://example.com/a" }, "leads nowhere", "#"],
    ["a reference by a broken pointer", { $ref: "#/%E0%A4%A" }, "leads nowhere", "#"],
    ["a reference that is no string", { $ref: 3 }, "$ref is 3", "#"],
    ["a reference to itself", { $ref: "#" }, "refers to itself", "#"],
    [
      "references in a circle",
      {
        $ref: "#/$defs/a",
        $defs: { a: { $ref: "#/$defs/b" }, b: { allOf: [{ $ref: "#/$defs/a" }] } },
      },
      "refers to itself",
    ],
    ["a branch that is itself", { anyOf: [{ type: "null" }, { $ref: "#" }] }, "refers to itself"],
    [
      "a schema of its own inside",
      { $ref: "#/$defs/a", $defs: { a: { $id: "https://example.com/b" } } },
      "$id",
      "#/$defs/a",
    ],
    ["false", false, "no text satisfies"],
    [
      "an endless object",
      { type: "object", properties: { a: { $ref: "#" } }, required: ["a"] },
      "no text satisfies",
    ],
    ["an endless array", { type: "array", items: { $ref: "#" }, minItems: 1 }, "no text satisfies"],
    ["bounds that cross", { type: "integer", minimum: 3, maximum: 2 }, "no text satisfies"],
    [
      "types that exclude each other",
      { allOf: [{ type: "string" }, { type: "null" }] },
      "no text satisfies",
    ],
    [
      "patterns that exclude each other",
      { type: "string", allOf: [{ pattern: "^a$" }, { pattern: "^b$" }] },
      "no text satisfies",
    ],
    [
      "a required property that is forbidden",
      { type: "object", required: ["a"], ...closed },
      "no text satisfies",
    ],
    [
      "oneOf that may overlap",
      { oneOf: [{ type: "integer" }, { type: "number" }] },
      "branches 0 and 1",
      "#/oneOf",
    ],
    [
      "oneOf of open objects",
      {
        oneOf: [
          { type: "object", properties: { a: {} } },
          { type: "object", properties: { b: {} } },
        ],
      },
      "branches 0 and 1",
      "#/oneOf",
    ],
    [
      "oneOf with optional constants",
      {
        oneOf: [
          { type: "object", properties: { t: { const: 1 } } },
          { type: "object", properties: { t: { const: 2 } } },
        ],
      },
      "branches 0 and 1",
    ],
    [
      "oneOf of anything and a string",
      { oneOf: [{ minimum: 3 }, { type: "string" }] },
      "branches 0 and 1",
    ],
    [
      "distinct names that are not declared",
      { type: "object", minProperties: 2, additionalProperties: {} },
      "minProperties is 2",
    ],
    [
      "unevaluated properties with a schema",
      { type: "object", unevaluatedProperties: { type: "null" } },
      "unevaluated",
    ],
    [
      "names with other keywords",
      { type: "object", propertyNames: { anyOf: [] } },
      "names",
      "#/propertyNames",
    ],
    [
      "listed objects beside properties",
      { enum: [{ a: 1 }], properties: { a: { type: "string" } } },
      "beside listed",
    ],
    ["absurd lengths", { type: "string", minLength: 1e9 }, "minLength is 1000000000"],
    ["absurd counts", { type: "array", minItems: 1e9 }, "minItems is 1000000000"],
    [
      "absurd lengths of a pattern",
      { type: "string", pattern: "a.*b.*c", maxLength: 1e6 },
      "more than",
    ],
    ["deep nesting", nested(5000), "nests deeper"],
    [
      "many combinations",
      {
        allOf: Array.from({ length: 20 }, (_, i) => ({ anyOf: [{ minimum: i }, { maximum: i }] })),
      },
      "combined",
    ],
  ])("%s", (_, schema, message, path) => {
    const compile = () => compileGrammar({ type: "json_schema", schema: schema as object });
    expect(compile).toThrow(InvalidGrammarError);
    expect(compile).toThrow(message);
    if (path !== undefined) {
      expect(compile).toThrow(
        expect.objectContaining({ details: expect.objectContaining({ path }) }),
      );
    }
  });
});

describe("other kinds of structured output", () => {
  it("json_object allows objects only", () => {
    const grammar = compileGrammar({ type: "json_object" });
    for (const text of ["{}", '{"a":[1,{"b":null}]}']) expect(accepts(grammar, text)).toBe(true);
    for (const text of ["[]", "1", '{"a"}', "{a:1}", '{"a":1'])
      expect(accepts(grammar, text)).toBe(false);
  });

  it("choice allows the listed texts only", () => {
    const choices = ["yes", "no", "no, never", "日本", "yes"];
    const grammar = compileGrammar({ type: "choice", choices });
    for (const text of choices) expect(accepts(grammar, text)).toBe(true);
    for (const text of ["", "y", "no,", '"yes"', "日"]) expect(accepts(grammar, text)).toBe(false);
  });

  it("choice takes ten thousand texts", () => {
    const choices = Array.from({ length: 10_000 }, (_, index) => `choice ${index}`);
    const grammar = compileGrammar({ type: "choice", choices });
    expect(accepts(grammar, "choice 9999")).toBe(true);
    expect(accepts(grammar, "choice 10000")).toBe(false);
  });

  it.each([
    [{ type: "choice", choices: [] }, "1 to 10000"],
    [{ type: "choice", choices: "ab" }, "1 to 10000"],
    [{ type: "choice", choices: ["a", 1] }, "choice 1"],
    [{ type: "choice", choices: ["\ud800"] }, "choice 0"],
    [{ type: "choice", choices: ["a".repeat(1_000_001)] }, "characters"],
    [{ type: "regex" }, "pattern is not a string"],
    [{ type: "json_schema" }, "undefined"],
    [{ type: "grammar" }, '"grammar" is unknown'],
    [{}, "undefined is unknown"],
    [null, "undefined is unknown"],
    ["json", "undefined is unknown"],
  ])("refuses %j", (spec, message) => {
    expect(() => compileGrammar(spec as never)).toThrow(InvalidGrammarError);
    expect(() => compileGrammar(spec as never)).toThrow(message);
  });
});

function nested(depth: number): object {
  let schema: object = { type: "null" };
  for (let level = 0; level < depth; level += 1) schema = { type: "array", items: schema };
  return schema;
}
