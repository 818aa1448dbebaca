import { matcherOf } from "../combine";
import { type InvalidGrammarError, schemaError } from "../errors";
import type { Expression, RuleExpression } from "../expression";
import { type ExpressionFactory, never } from "../expression-factory";
import { arrayText } from "./array-text";
import { type Constraints, constraintsOf } from "./constraints";
import { areExclusive } from "./exclusive";
import { JsonText } from "./json-text";
import { kindOf, kinds, kindsOfKeyword } from "./keywords";
import { numberSatisfies, numberText } from "./number-text";
import { objectText } from "./object-text";
import { SchemaDocument, type SchemaNode } from "./schema-document";
import { stringContent } from "./string-content";

/** Ways to choose from the branches of `anyOf` and `oneOf`, in a whole schema. */
const maxAlternatives = 2000;

/** Schemas that refer to one another before a value begins. */
const maxReferences = 500;

/** Branches of one `oneOf`: each pair is compared. */
const maxExclusiveBranches = 128;

/**
 * The JSON texts that are valid under a schema.
 *
 * @throws {InvalidGrammarError} for a schema that is malformed or cannot be enforced.
 */
export function fromSchema(factory: ExpressionFactory, schema: unknown): Expression {
  return new SchemaCompiler(factory, schema).compile();
}

class SchemaCompiler {
  readonly #factory: ExpressionFactory;
  readonly #text: JsonText;
  readonly #document: SchemaDocument;
  readonly #rules = new Map<string, Expression>();
  readonly #pending: (() => void)[] = [];
  #alternatives = 0;

  constructor(factory: ExpressionFactory, schema: unknown) {
    this.#factory = factory;
    this.#text = new JsonText(factory);
    this.#document = new SchemaDocument(schema);
  }

  compile(): Expression {
    const root = this.#value([this.#document.root]);
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) next();
    return root;
  }

  /** A value that satisfies all of `nodes`. Schemas can contain themselves, hence a rule for each. */
  #value(nodes: readonly SchemaNode[]): Expression {
    if (nodes.some(({ schema }) => schema === false)) return never;
    const real = [...new Set(nodes)].filter(({ schema }) => schema !== true);
    const key = real
      .map(({ id }) => id)
      .sort((left, right) => left - right)
      .join();
    const known = this.#rules.get(key);
    if (known !== undefined) return known;
    const rule: RuleExpression = this.#factory.rule();
    this.#rules.set(key, rule);
    this.#pending.push(() => {
      const alternatives = this.#alternativesOf(this.#flatten(real));
      this.#factory.define(rule, this.#factory.alternation(...alternatives));
    });
    return rule;
  }

  /** `nodes` with all that `$ref` and `allOf` add to them. */
  #flatten(nodes: Iterable<SchemaNode>): Set<SchemaNode> {
    const flat = new Set<SchemaNode>();
    const open = new Set<SchemaNode>();
    const add = (node: SchemaNode): void => {
      if (open.has(node)) throw endless(node);
      if (flat.has(node)) return;
      open.add(node);
      flat.add(node);
      const { schema, path } = node;
      if (open.size > maxReferences) {
        throw schemaError(
          path,
          `more than ${maxReferences} references follow one another`,
          "use fewer",
        );
      }
      if (typeof schema === "object") {
        if (schema.$ref !== undefined) add(this.#document.resolve(schema.$ref, path));
        for (const branch of this.#document.branches(node, "allOf")) add(branch);
      }
      open.delete(node);
    };
    for (const node of nodes) add(node);
    return flat;
  }

  /** One expression for each way to choose branches. */
  #alternativesOf(
    nodes: ReadonlySet<SchemaNode>,
    chosen: ReadonlySet<unknown> = new Set(),
  ): Expression[] {
    for (const node of nodes) {
      for (const keyword of ["anyOf", "oneOf"] as const) {
        const branches = this.#document.branches(node, keyword);
        const choice = `${keyword} ${node.id}`;
        const { schema } = node;
        const isOpen = typeof schema === "object" && schema[keyword] !== undefined;
        if (!isOpen || chosen.has(choice)) continue;
        if (keyword === "oneOf") this.#requireExclusive(node, nodes, branches);
        return branches.flatMap((branch) => {
          const added = this.#flatten([branch]);
          // A branch that leads back to where it is chosen says nothing.
          if (added.has(node)) throw endless(node);
          return this.#alternativesOf(new Set([...nodes, ...added]), new Set([...chosen, choice]));
        });
      }
    }
    this.#alternatives += 1;
    if (this.#alternatives > maxAlternatives) {
      throw schemaError(
        "#",
        `anyOf and oneOf can be combined in more than ${maxAlternatives} ways`,
        "use fewer branches",
      );
    }
    return this.#byKind([...nodes]);
  }

  #requireExclusive(
    node: SchemaNode,
    nodes: ReadonlySet<SchemaNode>,
    branches: readonly SchemaNode[],
  ): void {
    if (branches.length > maxExclusiveBranches) {
      throw schemaError(
        `${node.path}/oneOf`,
        `${branches.length} branches are more than ${maxExclusiveBranches}`,
        "use anyOf",
        { keyword: "oneOf" },
      );
    }
    const expand = (some: readonly SchemaNode[]) => [...this.#flatten(some)];
    for (const [index, branch] of branches.entries()) {
      for (let other = 0; other < index; other += 1) {
        const rival = branches[other] as SchemaNode;
        const areApart = areExclusive(
          this.#document,
          [...nodes, branch],
          [...nodes, rival],
          expand,
        );
        if (areApart) continue;
        throw schemaError(
          `${node.path}/oneOf`,
          `a value could satisfy the branches ${other} and ${index}`,
          "use anyOf, or require in each branch a property with a const of its own",
          { keyword: "oneOf", branches: [other, index] },
        );
      }
    }
  }

  /** What remains when all choices are made, by kinds of values. */
  #byKind(nodes: readonly SchemaNode[]): Expression[] {
    const constraints = constraintsOf(nodes, { infersKinds: true });
    if (constraints.values !== undefined) return [this.#listed(constraints)];
    return this.#kinds(constraints, constraints.kinds);
  }

  #kinds(constraints: Constraints, wanted: number): Expression[] {
    const options: Expression[] = [];
    const valueFor = (parts: readonly SchemaNode[]) => this.#value(parts);
    const allows = (kind: number) => (wanted & kind) !== 0;
    if (allows(kinds.null)) options.push(this.#factory.literal("null"));
    if (allows(kinds.boolean)) {
      options.push(this.#factory.literal("true"), this.#factory.literal("false"));
    }
    if (allows(kinds.integer | kinds.fraction)) {
      options.push(numberText(this.#factory, constraints));
    }
    if (allows(kinds.string)) {
      options.push(this.#text.string(stringContent(this.#factory, constraints)));
    }
    if (allows(kinds.array)) {
      options.push(arrayText(this.#text, this.#document, constraints, valueFor));
    }
    if (allows(kinds.object)) {
      options.push(objectText(this.#text, this.#document, constraints, valueFor));
    }
    return options;
  }

  /** Those of the listed values that satisfy everything else. */
  #listed(constraints: Constraints): Expression {
    const { values = [] } = constraints;
    const [strings = never] = values.some((value) => typeof value === "string")
      ? this.#kinds(constraints, constraints.kinds & kinds.string)
      : [];
    const isAllowed = matcherOf(this.#factory, strings);
    const kept = values.filter((value) => {
      const kind = kindOf(value);
      if ((kind & constraints.kinds) === 0) return false;
      if (typeof value === "number") return numberSatisfies(constraints, value);
      if (typeof value === "string") return isAllowed(JSON.stringify(value));
      if (kind === kinds.array || kind === kinds.object) requireAlone(constraints, kind);
      return true;
    });
    return this.#text.anyOf(kept);
  }
}

/** @throws {InvalidGrammarError} when a listed array or object would have to be checked further. */
function requireAlone({ nodes }: Constraints, kind: number): void {
  for (const { schema, path } of nodes) {
    const others = Object.keys(schema).filter(
      (keyword) => ((kindsOfKeyword.get(keyword) ?? 0) & kind) !== 0,
    );
    if (others.length === 0) continue;
    throw schemaError(
      path,
      `${others.join(", ")} beside listed arrays or objects cannot be enforced`,
      "list only what satisfies them, and remove them",
      { keyword: others[0] },
    );
  }
}

function endless(node: SchemaNode): InvalidGrammarError {
  return schemaError(
    node.path,
    "it refers to itself without anything in between",
    "refer to it from a property or an item",
    { keyword: "$ref" },
  );
}
