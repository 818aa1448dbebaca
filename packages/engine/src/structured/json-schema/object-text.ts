import { anyCharacter } from "../character-encoding";
import { difference, intersection, matcherOf } from "../combine";
import { schemaError } from "../errors";
import type { Expression } from "../expression";
import { type ExpressionFactory, never } from "../expression-factory";
import { anyLiteral } from "../literals";
import { fromPattern } from "../regular-expression";
import { type Constraints, constraintsOf } from "./constraints";
import type { JsonText } from "./json-text";
import { entriesAt, keywordValues } from "./keyword-values";
import { kinds } from "./keywords";
import { childPath, type SchemaDocument, type SchemaNode } from "./schema-document";
import { stringContent } from "./string-content";
import { forbidsUnevaluated } from "./unevaluated";

const maxPatterns = 4;
/** Pairs of a property and a number of members before it. */
const maxPlaces = 50_000;

interface Member {
  readonly text: Expression;
  readonly isRequired: boolean;
}

/** What one schema says about an object's members. */
interface MemberSchemas {
  readonly properties: ReadonlyMap<string, SchemaNode>;
  readonly patterns: readonly { readonly pattern: string; readonly node: SchemaNode }[];
  readonly additional: SchemaNode | undefined;
}

/**
 * Objects that satisfy `constraints`: the properties in the order in which they are declared, then
 * any others. Others need a schema that allows them, unless no property is declared at all.
 *
 * @param valueFor - A value that satisfies all of some schemas.
 */
export function objectText(
  text: JsonText,
  document: SchemaDocument,
  constraints: Constraints,
  valueFor: (nodes: readonly SchemaNode[]) => Expression,
): Expression {
  return new ObjectText(text, document, constraints, valueFor).build();
}

class ObjectText {
  readonly #text: JsonText;
  readonly #factory: ExpressionFactory;
  readonly #document: SchemaDocument;
  readonly #constraints: Constraints;
  readonly #valueFor: (nodes: readonly SchemaNode[]) => Expression;
  readonly #schemas: readonly MemberSchemas[];
  /** The patterns of property names, each with its names in JSON. */
  readonly #patterns: ReadonlyMap<string, Expression>;
  readonly #matchers: ReadonlyMap<string, (name: string) => boolean>;
  /** What `propertyNames` allows, in JSON; `undefined` for all. */
  readonly #names: Expression | undefined;
  readonly #isAllowed: (name: string) => boolean;
  readonly #isClosed: boolean;

  constructor(
    text: JsonText,
    document: SchemaDocument,
    constraints: Constraints,
    valueFor: (nodes: readonly SchemaNode[]) => Expression,
  ) {
    this.#text = text;
    this.#factory = text.factory;
    this.#document = document;
    this.#constraints = constraints;
    this.#valueFor = valueFor;
    this.#isClosed = forbidsUnevaluated(document, constraints.nodes, "unevaluatedProperties");
    this.#schemas = constraints.nodes.map((node) => this.#schemasOf(node));
    const patterns = new Set(this.#schemas.flatMap((own) => own.patterns.map((p) => p.pattern)));
    if (patterns.size > maxPatterns) {
      throw this.#error(
        `${patterns.size} patterns of properties hold together, more than ${maxPatterns}`,
        "use fewer",
      );
    }
    this.#patterns = new Map(
      [...patterns].map((pattern) => [
        pattern,
        fromPattern(this.#factory, pattern, { encoding: "json", match: "anywhere" }),
      ]),
    );
    this.#matchers = new Map(
      [...this.#patterns].map(([pattern, names]) => [pattern, matcherOf(this.#factory, names)]),
    );
    this.#names = this.#allowedNames();
    this.#isAllowed =
      this.#names === undefined ? () => true : matcherOf(this.#factory, this.#names);
  }

  build(): Expression {
    const { required, minProperties, maxProperties } = this.#constraints;
    const names = this.#declaredNames();
    const members = names.flatMap((name): Member[] => {
      const value = this.#isAllowed(inJson(name))
        ? this.#valueFor(this.#schemasOfName(name))
        : never;
      const key = this.#factory.literal(JSON.stringify(name));
      const isRequired = required.has(name);
      if (value === never && !isRequired) return [];
      return [{ text: this.#text.member(key, value), isRequired }];
    });
    const other = this.#otherMember(names);
    this.#checkCount(members, other);
    const parts = this.#list(members, other);
    const mayBeEmpty = minProperties === 0 && !members.some(({ isRequired }) => isRequired);
    return this.#text.enclosed("{}", maxProperties === 0 ? never : parts, mayBeEmpty);
  }

  /** The members that make an object that is not empty. */
  #list(members: readonly Member[], other: Expression): Expression {
    const factory = this.#factory;
    const { minProperties, maxProperties } = this.#constraints;
    const requiredCount = members.filter(({ isRequired }) => isRequired).length;
    // Members are counted only where the count can matter, and only as far.
    const least = minProperties > Math.max(1, requiredCount) ? minProperties : 0;
    const isLimited =
      maxProperties < members.length || (other !== never && maxProperties < Infinity);
    const ceiling = isLimited
      ? Math.min(maxProperties, members.length)
      : Math.min(least, members.length);
    if (members.length * (ceiling + 1) > maxPlaces) {
      throw this.#error(
        `${members.length} properties, counted up to ${ceiling}, are too many places`,
        "drop minProperties or maxProperties",
      );
    }
    const counts = Array.from({ length: ceiling + 1 }, (_, count) => count);
    // Others may repeat a name, and so are worth one together.
    const others = (count: number): Expression => {
      const missing = Math.max(0, least - count);
      const most = isLimited ? maxProperties - count : Infinity;
      return missing > 1 ? never : factory.repetition(this.#text.afterComma(other), missing, most);
    };
    // `after[count]`: what may follow when there are `count` members; the last stands for more.
    let after = counts.map(others);
    let first = least > 1 ? never : factory.sequence(other, others(1));
    for (let index = members.length - 1; index >= 0; index -= 1) {
      const { text: member, isRequired } = members[index] as Member;
      const next = after;
      const following = (count: number) => next[Math.min(count, ceiling)] ?? never;
      const mayAdd = (count: number) => count < maxProperties;
      after = counts.map((count) =>
        factory.alternation(
          mayAdd(count) ? this.#text.afterComma(member, following(count + 1)) : never,
          isRequired ? never : (next[count] ?? never),
        ),
      );
      first = factory.alternation(
        factory.sequence(member, following(1)),
        isRequired ? never : first,
      );
    }
    return first;
  }

  #checkCount(members: readonly Member[], other: Expression): void {
    const { minProperties } = this.#constraints;
    const most = members.length + (other === never ? 0 : 1);
    if (minProperties > most && other !== never) {
      throw this.#error(
        `minProperties is ${minProperties}, and that names which are not declared differ cannot be enforced`,
        `declare properties, or use at most ${most}`,
        { keyword: "minProperties", value: minProperties },
      );
    }
  }

  #declaredNames(): string[] {
    const names = new Set(this.#schemas.flatMap(({ properties }) => [...properties.keys()]));
    for (const name of this.#constraints.required) names.add(name);
    return [...names];
  }

  #schemasOfName(name: string): SchemaNode[] {
    const text = inJson(name);
    const matched = new Set(
      [...this.#matchers].flatMap(([pattern, matches]) => (matches(text) ? [pattern] : [])),
    );
    return this.#schemasOfMember(name, matched);
  }

  /** The schemas of a member: declared as `name`, if that is given, and matched by some patterns. */
  #schemasOfMember(name: string | undefined, matched: ReadonlySet<string>): SchemaNode[] {
    return this.#schemas.flatMap(({ properties, patterns, additional }) => {
      const declared = name === undefined ? undefined : properties.get(name);
      const own = [
        ...(declared === undefined ? [] : [declared]),
        ...patterns.flatMap(({ pattern, node }) => (matched.has(pattern) ? [node] : [])),
      ];
      return own.length === 0 && additional !== undefined ? [additional] : own;
    });
  }

  /** A member whose name is not declared; `never` when there is none. */
  #otherMember(declared: readonly string[]): Expression {
    const factory = this.#factory;
    if (this.#patterns.size === 0 && !this.#isOpen()) return never;
    const excluded = anyLiteral(factory, declared.map(inJson));
    const any = factory.repetition(anyCharacter("json"), 0);
    const allowed = this.#names ?? any;
    const patterns = [...this.#patterns];
    const options: Expression[] = [];
    for (let choice = 0; choice < 2 ** patterns.length; choice += 1) {
      const chosen = patterns.filter((_, index) => (choice >> index) & 1);
      if (chosen.length === 0 && !this.#isOpen()) continue;
      const nodes = this.#schemasOfMember(undefined, new Set(chosen.map(([pattern]) => pattern)));
      const value = this.#valueFor(nodes);
      if (value === never) continue;
      const others = patterns.filter((_, index) => !((choice >> index) & 1));
      const wanted = chosen.reduce((all, [, names]) => intersection(factory, all, names), allowed);
      const unwanted = factory.alternation(excluded, ...others.map(([, names]) => names));
      const names = difference(factory, wanted, unwanted);
      options.push(this.#text.member(this.#text.string(names), value));
    }
    return factory.alternation(...options);
  }

  /** Whether names may come that are neither declared nor matched by a pattern. */
  #isOpen(): boolean {
    const { nodes, required } = this.#constraints;
    if (keywordValues(nodes, "additionalProperties").length > 0) return true;
    if (this.#isClosed) return false;
    const declares = keywordValues(nodes, "properties").length + this.#patterns.size;
    return declares === 0 && required.size === 0;
  }

  #allowedNames(): Expression | undefined {
    const nodes = keywordValues(this.#constraints.nodes, "propertyNames").map(({ value, path }) => {
      const node = this.#document.node(value, path);
      const isPlain =
        typeof node.schema === "boolean" ||
        Object.keys(node.schema).every((key) => plainNameKeywords.has(key) || key.startsWith("x-"));
      if (isPlain) return node;
      throw schemaError(
        path,
        "it has keywords that cannot be enforced for names",
        `use ${[...plainNameKeywords].join(", ")}`,
        { keyword: "propertyNames" },
      );
    });
    if (nodes.length === 0) return undefined;
    const factory = this.#factory;
    const constraints = constraintsOf(nodes, { infersKinds: true });
    if ((constraints.kinds & kinds.string) === 0) return never;
    const any = factory.repetition(anyCharacter("json"), 0);
    let names = intersection(factory, any, stringContent(factory, constraints));
    if (constraints.values !== undefined) {
      const listed = constraints.values
        .filter((value): value is string => typeof value === "string")
        .map(inJson);
      names = intersection(factory, anyLiteral(factory, listed), names);
    }
    return names;
  }

  #schemasOf({ schema, path }: SchemaNode): MemberSchemas {
    if (typeof schema === "boolean") {
      return { properties: new Map(), patterns: [], additional: undefined };
    }
    const entries = (keyword: string) =>
      entriesAt(schema[keyword], `${path}/${keyword}`).map(
        ([key, value]) =>
          [key, this.#document.node(value, childPath(`${path}/${keyword}`, key))] as const,
      );
    const { additionalProperties: additional } = schema;
    return {
      properties: new Map(entries("properties")),
      patterns: entries("patternProperties").map(([pattern, node]) => ({ pattern, node })),
      additional:
        additional === undefined
          ? undefined
          : this.#document.node(additional, `${path}/additionalProperties`),
    };
  }

  #error(problem: string, remedy: string, details: Readonly<Record<string, unknown>> = {}) {
    return schemaError(this.#constraints.nodes[0]?.path ?? "#", problem, remedy, details);
  }
}

/** A name as it stands between quotation marks. */
function inJson(name: string): string {
  return JSON.stringify(name).slice(1, -1);
}

const plainNameKeywords: ReadonlySet<string> = new Set([
  "type",
  "pattern",
  "minLength",
  "maxLength",
  "format",
  "enum",
  "const",
]);
