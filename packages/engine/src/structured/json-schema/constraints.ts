import { arrayAt, badValue, keywordValues, stringAt } from "./keyword-values";
import { allKinds, kindOf, kinds, kindsOfKeyword, kindsOfType } from "./keywords";
import type { SchemaNode, SchemaObject } from "./schema-document";

/** What schemas that hold together say about one value, but for its parts. */
export interface Constraints {
  /** The schemas, without `true`. */
  readonly nodes: readonly SchemaNode[];
  /** Kinds that the value may be of. */
  readonly kinds: number;
  /** The values that it may be, if they are listed. */
  readonly values: readonly unknown[] | undefined;
  readonly minLength: number;
  readonly maxLength: number;
  readonly minItems: number;
  readonly maxItems: number;
  readonly minProperties: number;
  readonly maxProperties: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly exclusiveMinimum: number;
  readonly exclusiveMaximum: number;
  readonly required: ReadonlySet<string>;
}

const infinity = Number.POSITIVE_INFINITY;

/**
 * What `nodes` say together.
 *
 * @param infersKinds - Whether a schema without `type` that has keywords for some kinds allows those
 *   kinds only. It allows the others too, but is hardly meant to.
 * @throws {InvalidGrammarError} for a keyword with a value that it cannot have.
 */
export function constraintsOf(
  nodes: readonly SchemaNode[],
  { infersKinds }: { readonly infersKinds: boolean },
): Constraints {
  let allowed = allKinds;
  let keywordKinds = 0;
  let isTyped = false;
  let values: readonly unknown[] | undefined;
  const objects: SchemaNode[] = [];
  const required = new Set<string>();
  for (const node of nodes) {
    const { schema, path } = node;
    if (schema === true) continue;
    objects.push(node);
    if (schema === false) {
      allowed = 0;
      continue;
    }
    const own = kindsOf(schema, path);
    if (own !== undefined) {
      allowed &= own;
      isTyped = true;
    }
    const listed = valuesOf(schema, path);
    if (listed !== undefined) {
      values = values === undefined ? listed : values.filter((value) => includes(listed, value));
    }
    for (const keyword of Object.keys(schema)) keywordKinds |= kindsOfKeyword.get(keyword) ?? 0;
    for (const name of namesOf(schema.required, `${path}/required`)) required.add(name);
  }
  if (infersKinds && !isTyped && values === undefined && keywordKinds !== 0) {
    allowed &= keywordKinds;
  }
  const most = (keyword: string, read: Reader) => limit(objects, keyword, read, Math.max);
  const least = (keyword: string, read: Reader) => limit(objects, keyword, read, Math.min);
  return {
    nodes: objects,
    kinds: allowed,
    values,
    minLength: most("minLength", count) ?? 0,
    maxLength: least("maxLength", count) ?? infinity,
    minItems: most("minItems", count) ?? 0,
    maxItems: least("maxItems", count) ?? infinity,
    minProperties: most("minProperties", count) ?? 0,
    maxProperties: least("maxProperties", count) ?? infinity,
    minimum: most("minimum", number) ?? -infinity,
    maximum: least("maximum", number) ?? infinity,
    exclusiveMinimum: most("exclusiveMinimum", number) ?? -infinity,
    exclusiveMaximum: least("exclusiveMaximum", number) ?? infinity,
    required,
  };
}

/** Whether two JSON values are equal; the order of an object's members does not matter. */
function isEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || !left || !right) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const leftEntries = Object.entries(left);
  return (
    leftEntries.length === Object.keys(right).length &&
    leftEntries.every(
      ([key, value]) =>
        Object.hasOwn(right, key) && isEqual(value, (right as Record<string, unknown>)[key]),
    )
  );
}

/** Whether `values` has an equal of `value`. */
function includes(values: readonly unknown[], value: unknown): boolean {
  return values.some((other) => isEqual(other, value));
}

type Reader = (value: unknown, path: string) => number;

const count: Reader = (value, path) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw badValue(value, path, "an integer of 0 or more");
  }
  return value as number;
};

const number: Reader = (value, path) => {
  if (typeof value !== "number") throw badValue(value, path, "a number");
  return value;
};

function limit(
  nodes: readonly SchemaNode[],
  keyword: string,
  read: Reader,
  choose: (left: number, right: number) => number,
): number | undefined {
  return keywordValues(nodes, keyword)
    .map(({ value, path }) => read(value, path))
    .reduce<number | undefined>(
      (chosen, value) => (chosen === undefined ? value : choose(chosen, value)),
      undefined,
    );
}

function kindsOf({ type, nullable }: SchemaObject, path: string): number | undefined {
  if (nullable !== undefined && typeof nullable !== "boolean") {
    throw badValue(nullable, `${path}/nullable`, "a boolean");
  }
  if (type === undefined) return undefined;
  const names = Array.isArray(type) ? type : [type];
  return names.reduce<number>(
    (bits, name) => {
      const own = kindsOfType.get(name);
      if (own !== undefined) return bits | own;
      throw badValue(name, `${path}/type`, [...kindsOfType.keys()].join(", "));
    },
    nullable === true ? kinds.null : 0,
  );
}

function valuesOf(schema: SchemaObject, path: string): readonly unknown[] | undefined {
  if (Object.hasOwn(schema, "const") && schema.const !== undefined) {
    const listed = schema.enum;
    const own = [schema.const];
    if (listed === undefined) return own;
    return own.filter((value) => includes(arrayAt(listed, `${path}/enum`), value));
  }
  if (schema.enum === undefined) return undefined;
  const listed = arrayAt(schema.enum, `${path}/enum`);
  // In OpenAPI 3.0 a nullable enum need not list null, but then does not allow it.
  return listed.filter((value) => kindOf(value) !== 0);
}

function namesOf(value: unknown, path: string): readonly string[] {
  if (value === undefined) return [];
  return arrayAt(value, path).map((name, index) => stringAt(name, `${path}/${index}`));
}
