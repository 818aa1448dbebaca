import fc from "fast-check";

/** A schema, and values that are valid under it, written as they are generated. */
export interface SchemaWithValues {
  readonly schema: object;
  readonly values: fc.Arbitrary<unknown>;
}

const names = ["name", "ab", "a", "id", 'q"', "é"];
const text = (constraints: fc.StringConstraints) => fc.string({ unit: "grapheme", ...constraints });

/** Names without what is special in objects, and without the declared ones. */
const otherNames = fc.constantFrom("x", "abc", "Name", "n\\", "日");

const scalars: fc.Arbitrary<SchemaWithValues> = fc.oneof(
  fc.constant({ schema: { type: "null" }, values: fc.constant(null) }),
  fc.constant({ schema: { type: "boolean" }, values: fc.boolean() }),
  fc.constant({ schema: { type: "integer" }, values: fc.maxSafeInteger() }),
  fc.constant({
    schema: { type: "number" },
    values: fc.double({ noNaN: true, noDefaultInfinity: true, max: 1e307, min: -1e307 }).map(plain),
  }),
  fc.tuple(fc.integer({ min: -2000, max: 2000 }), fc.nat(3000)).map(([minimum, width]) => ({
    schema: { type: "integer", minimum, maximum: minimum + width },
    values: fc.integer({ min: minimum, max: minimum + width }),
  })),
  fc.tuple(fc.integer({ min: -500, max: 500 }), fc.nat(900)).map(([low, width]) => ({
    schema: { type: "number", minimum: low / 8, maximum: (low + width) / 8 },
    values: fc.integer({ min: low, max: low + width }).map((value) => plain(value / 8)),
  })),
  fc.tuple(fc.integer({ min: 1, max: 40 }), fc.nat(50)).map(([multipleOf, times]) => ({
    schema: { type: "integer", multipleOf, exclusiveMinimum: -1, maximum: multipleOf * times },
    values: fc.nat(times).map((factor) => factor * multipleOf),
  })),
  fc.constant({
    schema: { type: "number", multipleOf: 0.05, minimum: -10, maximum: 10 },
    values: fc.integer({ min: -200, max: 200 }).map((value) => plain(value / 20)),
  }),
  fc.constant({ schema: { type: "string" }, values: text({ maxLength: 12 }).map(wellFormed) }),
  fc.tuple(fc.nat(4), fc.nat(6)).map(([minLength, more]) => ({
    schema: { type: "string", minLength, maxLength: minLength + more },
    values: fc
      .array(fc.constantFrom("a", '"', "\\", "é", "😀", "\n", " "), {
        minLength,
        maxLength: minLength + more,
      })
      .map((characters) => characters.join("")),
  })),
  fc.constantFrom("^[a-z]{2,5}$", "^(ab|é)+\\d*$", "^\\p{L}+$", "^[^a]?$").map((pattern) => ({
    schema: { type: "string", pattern },
    values: fc.stringMatching(new RegExp(pattern, "u")).filter((value) => [...value].length < 30),
  })),
  fc.constant({
    schema: { type: "string", format: "date" },
    values: fc
      .date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 10)),
  }),
  fc.constant({ schema: { type: "string", format: "uuid" }, values: fc.uuid() }),
  fc.constant({ schema: { type: "string", format: "ipv4" }, values: fc.ipV4() }),
  fc
    .uniqueArray(fc.oneof(fc.integer(), text({ maxLength: 4 }).map(wellFormed), fc.boolean()), {
      minLength: 1,
      maxLength: 5,
    })
    .map((list) => ({ schema: { enum: list }, values: fc.constantFrom(...list) })),
);

/** Schemas of all kinds that nest up to a few levels. */
export const schemas: fc.Arbitrary<SchemaWithValues> = fc.letrec<{ any: SchemaWithValues }>(
  (tie) => ({
    any: fc.oneof(
      { maxDepth: 3, depthSize: "small", withCrossShrink: true },
      scalars,
      arraysOf(tie("any")),
      objectsOf(tie("any")),
      tuplesOf(tie("any")),
      fc.array(tie("any"), { minLength: 1, maxLength: 3 }).map((branches) => ({
        schema: { anyOf: branches.map(({ schema }) => schema) },
        values: fc.oneof(...branches.map(({ values }) => values)),
      })),
      tie("any").map(({ schema, values }) => ({
        schema: { allOf: [schema, {}], description: "both" },
        values,
      })),
      alternativesOf(tie("any")),
    ),
  }),
).any;

function arraysOf(items: fc.Arbitrary<SchemaWithValues>): fc.Arbitrary<SchemaWithValues> {
  return fc.tuple(items, fc.nat(2), fc.nat(3)).map(([{ schema, values }, minItems, more]) => ({
    schema: { type: "array", items: schema, minItems, maxItems: minItems + more },
    values: fc.array(values, { minLength: minItems, maxLength: minItems + more }),
  }));
}

function tuplesOf(items: fc.Arbitrary<SchemaWithValues>): fc.Arbitrary<SchemaWithValues> {
  return fc.array(items, { minLength: 1, maxLength: 3 }).map((parts) => ({
    schema: {
      type: "array",
      prefixItems: parts.map(({ schema }) => schema),
      minItems: parts.length,
      maxItems: parts.length,
    },
    values: fc.tuple(...parts.map(({ values }) => values)),
  }));
}

function objectsOf(parts: fc.Arbitrary<SchemaWithValues>): fc.Arbitrary<SchemaWithValues> {
  return fc
    .tuple(
      fc.uniqueArray(fc.constantFrom(...names), { maxLength: 4 }),
      fc.array(parts, { minLength: 4, maxLength: 4 }),
      fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      fc.option(parts),
    )
    .map(([own, schemasOfNames, isRequired, other]) => {
      const entry = (name: string, index: number): [string, SchemaWithValues] => [
        name,
        schemasOfNames[index]!,
      ];
      const required = own.filter((_, index) => isRequired[index]);
      const members = fc.record(
        Object.fromEntries(own.map(entry).map(([name, { values }]) => [name, values])),
        { requiredKeys: required, noNullPrototype: true },
      );
      const others =
        other === null
          ? fc.constant({})
          : fc.dictionary(otherNames, other.values, { maxKeys: 2, noNullPrototype: true });
      return {
        schema: {
          type: "object",
          properties: Object.fromEntries(
            own.map(entry).map(([name, { schema }]) => [name, schema]),
          ),
          required,
          additionalProperties: other === null ? false : other.schema,
        },
        // fc.record may put required members first; ours come in the declared order.
        values: fc.tuple(members, others).map(([declared, rest]) => ({
          ...inOrder(declared as Record<string, unknown>, own),
          ...rest,
        })),
      };
    });
}

/** Objects that are told apart by a constant. */
function alternativesOf(parts: fc.Arbitrary<SchemaWithValues>): fc.Arbitrary<SchemaWithValues> {
  return fc.array(parts, { minLength: 2, maxLength: 3 }).map((branches) => ({
    schema: {
      oneOf: branches.map(({ schema }, index) => ({
        type: "object",
        properties: { kind: { const: `k${index}` }, value: schema },
        required: ["kind", "value"],
      })),
    },
    values: fc.oneof(
      ...branches.map(({ values }, index) => values.map((value) => ({ kind: `k${index}`, value }))),
    ),
  }));
}

function inOrder(
  members: Readonly<Record<string, unknown>>,
  order: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(
    order.filter((name) => Object.hasOwn(members, name)).map((name) => [name, members[name]]),
  );
}

/** Without the sign of zero, which JSON.stringify drops. */
function plain(value: number): number {
  return value === 0 ? 0 : value;
}

function wellFormed(value: string): string {
  return value.replace(/\p{Surrogate}/gu, "?");
}
