import { excerpt, InvalidGrammarError, schemaError } from "../errors";
import { arrayAt } from "./keyword-values";
import { checkKeywords } from "./keywords";

/** A schema that is not `true` or `false`. */
export type SchemaObject = Readonly<Record<string, unknown>>;

/** One schema in a document. */
export interface SchemaNode {
  /** Unique in the document. */
  readonly id: number;
  /** JSON pointer after `#`. */
  readonly path: string;
  readonly schema: SchemaObject | boolean;
}

const maxValues = 100_000;
const maxDepth = 200;

/** A whole schema, with what it defines. */
export class SchemaDocument {
  readonly root: SchemaNode;
  readonly #nodes = new Map<object, SchemaNode>();
  readonly #anchors = new Map<string, { readonly schema: unknown; readonly path: string }>();
  readonly #baseId: string | undefined;
  #lastId = 0;

  /** @throws {InvalidGrammarError} when it is no JSON, or too large. */
  constructor(schema: unknown) {
    checkJson(schema);
    this.root = this.node(schema, "#");
    const { schema: top } = this.root;
    this.#baseId = typeof top === "object" && typeof top.$id === "string" ? top.$id : undefined;
    this.#collectAnchors(schema, "#");
  }

  /**
   * The schema `schema`, which stands at `path`.
   *
   * @throws {InvalidGrammarError} when it is none, or has a keyword that cannot be enforced.
   */
  node(schema: unknown, path: string): SchemaNode {
    if (typeof schema === "boolean") {
      this.#lastId += 1;
      return { id: this.#lastId, path, schema };
    }
    if (typeof schema !== "object" || schema === null || Array.isArray(schema)) {
      throw schemaError(path, `${excerpt(schema)} is not a schema`, "use an object or a boolean");
    }
    const known = this.#nodes.get(schema);
    if (known !== undefined) return known;
    checkKeywords(schema as SchemaObject, path);
    if (path !== "#" && (schema as SchemaObject).$id !== undefined) {
      throw schemaError(path, "$id begins a schema of its own", "remove it and use #/$defs/name");
    }
    this.#lastId += 1;
    const node = { id: this.#lastId, path, schema: schema as SchemaObject };
    this.#nodes.set(schema, node);
    return node;
  }

  /**
   * The schema that `reference` means.
   *
   * @throws {InvalidGrammarError} when there is none in this document.
   */
  resolve(reference: unknown, path: string): SchemaNode {
    if (typeof reference !== "string") {
      throw schemaError(path, `$ref is ${excerpt(reference)}`, "use a string such as #/$defs/name");
    }
    const fragment =
      this.#baseId !== undefined && reference.startsWith(this.#baseId)
        ? reference.slice(this.#baseId.length) || "#"
        : reference;
    const found = fragment.startsWith("#") ? this.#find(fragment.slice(1)) : undefined;
    if (found !== undefined) return found;
    throw schemaError(
      path,
      `$ref ${excerpt(reference)} leads nowhere`,
      "refer to a part of the same schema, such as #/$defs/name",
      { reference },
    );
  }

  /** The schemas in the list that a keyword has; none when there is no such keyword. */
  branches({ schema, path }: SchemaNode, keyword: "allOf" | "anyOf" | "oneOf"): SchemaNode[] {
    if (typeof schema === "boolean" || schema[keyword] === undefined) return [];
    const place = `${path}/${keyword}`;
    return arrayAt(schema[keyword], place).map((branch, index) =>
      this.node(branch, childPath(place, index)),
    );
  }

  /** `node` and the schemas that it applies to the same value. */
  inPlace(node: SchemaNode): ReadonlySet<SchemaNode> {
    const found = new Set([node]);
    for (const own of found) {
      const { schema, path } = own;
      if (typeof schema === "boolean") continue;
      if (schema.$ref !== undefined) found.add(this.resolve(schema.$ref, path));
      for (const keyword of ["allOf", "anyOf", "oneOf"] as const) {
        for (const branch of this.branches(own, keyword)) found.add(branch);
      }
    }
    return found;
  }

  #find(fragment: string): SchemaNode | undefined {
    const pointer = decode(fragment);
    if (pointer === undefined) return undefined;
    if (pointer !== "" && !pointer.startsWith("/")) {
      const anchored = this.#anchors.get(pointer);
      return anchored && this.node(anchored.schema, anchored.path);
    }
    let value: unknown = this.root.schema;
    let path = "#";
    for (const step of pointer.split("/").slice(1)) {
      const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) {
        return undefined;
      }
      value = (value as Record<string, unknown>)[key];
      path = childPath(path, key);
    }
    return this.node(value, path);
  }

  #collectAnchors(value: unknown, path: string): void {
    if (typeof value !== "object" || value === null) return;
    const { $anchor: anchor } = value as SchemaObject;
    if (typeof anchor === "string") this.#anchors.set(anchor, { schema: value, path });
    for (const [key, part] of Object.entries(value)) {
      this.#collectAnchors(part, childPath(path, key));
    }
  }
}

/** The path of `key` under `path`. */
export function childPath(path: string, key: string | number): string {
  return `${path}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function decode(fragment: string): string | undefined {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return undefined;
  }
}

function checkJson(schema: unknown): void {
  let values = 0;
  const check = (value: unknown, path: string, depth: number): void => {
    values += 1;
    if (values > maxValues || depth > maxDepth) {
      throw new InvalidGrammarError(
        `the schema has more than ${maxValues} values or nests deeper than ${maxDepth}; use a smaller one`,
        { maxValues, maxDepth },
      );
    }
    const isFine =
      value === null ||
      typeof value === "boolean" ||
      typeof value === "string" ||
      (typeof value === "number" && Number.isFinite(value));
    if (isFine) return;
    if (typeof value !== "object") {
      throw schemaError(path, `a ${typeof value} is no JSON`, "use plain JSON");
    }
    for (const [key, part] of Object.entries(value as object)) {
      // As JSON.stringify does.
      if (part !== undefined) check(part, childPath(path, key), depth + 1);
    }
  };
  check(schema, "#", 0);
}
