import { schemaError } from "../errors";
import type { Expression } from "../expression";
import { empty, never } from "../expression-factory";
import type { Constraints } from "./constraints";
import type { JsonText } from "./json-text";
import { arrayAt, keywordValues } from "./keyword-values";
import { childPath, type SchemaDocument, type SchemaNode } from "./schema-document";
import { forbidsUnevaluated } from "./unevaluated";

const maxMinItems = 100_000;
const maxPrefixItems = 10_000;

/** Items by place, and those after. */
interface ItemSchemas {
  readonly prefix: readonly (readonly SchemaNode[])[];
  /** `undefined` when there are none after. */
  readonly rest: readonly SchemaNode[] | undefined;
}

/**
 * Arrays that satisfy `constraints`. After `prefixItems` only what `items` allows follows, where
 * that is given.
 *
 * @param valueFor - A value that satisfies all of some schemas.
 */
export function arrayText(
  text: JsonText,
  document: SchemaDocument,
  constraints: Constraints,
  valueFor: (nodes: readonly SchemaNode[]) => Expression,
): Expression {
  const { factory } = text;
  const { nodes, minItems, maxItems } = constraints;
  const path = nodes[0]?.path ?? "#";
  if (minItems > maxMinItems) {
    throw schemaError(
      path,
      `minItems is ${minItems}, more than ${maxMinItems}`,
      "use a smaller one",
      {
        keyword: "minItems",
        value: minItems,
      },
    );
  }
  for (const { value, path: place } of keywordValues(nodes, "uniqueItems")) {
    if (value === false || maxItems <= 1) continue;
    throw schemaError(
      place,
      "uniqueItems cannot be enforced",
      "remove it, or list what the array may be in an enum",
      {
        keyword: "uniqueItems",
      },
    );
  }
  const { prefix, rest } = itemSchemas(document, constraints);
  // From the end: what follows the items before `index`, a comma first.
  const restValue = rest === undefined ? never : valueFor(rest);
  const restItem = text.afterComma(restValue);
  const places = Math.min(prefix.length, maxItems);
  let after = factory.repetition(
    restItem,
    Math.max(0, minItems - places),
    rest === undefined ? 0 : maxItems - places,
  );
  for (let index = places - 1; index > 0; index -= 1) {
    const item = text.afterComma(valueFor(prefix[index] ?? []), after);
    after = factory.alternation(item, index >= minItems ? empty : never);
  }
  if (places === 0) {
    after = factory.repetition(restItem, Math.max(0, minItems - 1), maxItems - 1);
  }
  const first = places > 0 ? valueFor(prefix[0] ?? []) : restValue;
  const items = maxItems === 0 ? never : factory.sequence(first, after);
  return text.enclosed("[]", items, minItems === 0);
}

function itemSchemas(document: SchemaDocument, { nodes, minItems }: Constraints): ItemSchemas {
  const own = nodes.map(({ schema, path }) => {
    if (typeof schema === "boolean") return { prefix: [], rest: undefined };
    // Before draft 2020-12 a list of items was what prefixItems is now.
    const isOld = Array.isArray(schema.items);
    const prefixKey = isOld ? "items" : "prefixItems";
    const restKey = isOld ? "additionalItems" : "items";
    const list = schema[prefixKey] ?? [];
    const prefix = arrayAt(list, `${path}/${prefixKey}`).map((item, index) =>
      document.node(item, childPath(`${path}/${prefixKey}`, index)),
    );
    const rest = schema[restKey];
    return {
      prefix,
      rest: rest === undefined ? undefined : document.node(rest, `${path}/${restKey}`),
    };
  });
  const longest = Math.max(0, ...own.map(({ prefix }) => prefix.length));
  if (longest > maxPrefixItems) {
    throw schemaError(
      nodes[0]?.path ?? "#",
      `${longest} prefixItems are more than ${maxPrefixItems}`,
      "use fewer",
    );
  }
  const prefix = Array.from({ length: longest }, (_, index) =>
    own.flatMap((node) => node.prefix[index] ?? node.rest ?? []),
  );
  const isClosed = forbidsUnevaluated(document, nodes, "unevaluatedItems");
  const rests = own.flatMap(({ rest }) => rest ?? []);
  const isOpen = rests.length > 0 || (!isClosed && (longest === 0 || minItems > longest));
  return { prefix, rest: isOpen ? rests : undefined };
}
