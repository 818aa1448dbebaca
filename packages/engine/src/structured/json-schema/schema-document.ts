import { excerpt, InvalidGrammarError, schemaError } from "../errors";
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
  readonly #anchors = new Map<string, SchemaNode>();
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

  #find(fragment: string): SchemaNode | undefined {
    const pointer = decode(fragment);
    if (pointer === undefined) return undefined;
    if (pointer !== "" && !pointer.startsWith("/")) return this.#anchors.get(pointer);
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
    const { $anchor: anchor, $id: id } = value as SchemaObject;
    if (typeof anchor === "string") {
      this.#anchors.set(anchor, this.node(value, path));
    }
    if (typeof id === "string" && path !== "#" && /\/(\$defs|definitions)\/[^/]*$/.test(path)) {
      throw schemaError(path, "$id begins a schema of its own", "remove it and use #/$defs/name");
    }
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
