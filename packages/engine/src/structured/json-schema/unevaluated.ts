import { schemaError } from "../errors";
import { keywordValues } from "./keyword-values";
import { kindsOfKeyword } from "./keywords";
import type { SchemaDocument, SchemaNode } from "./schema-document";

/**
 * Whether `nodes`, which hold together, forbid what none of them looks at.
 *
 * @throws {InvalidGrammarError} where the keyword has a schema, or where some of the nodes are
 * outside of the one that has the keyword, which then does not know what they look at.
 */
export function forbidsUnevaluated(
  document: SchemaDocument,
  nodes: readonly SchemaNode[],
  keyword: "unevaluatedProperties" | "unevaluatedItems",
): boolean {
  const kind = kindsOfKeyword.get(keyword) ?? 0;
  let isForbidden = false;
  for (const node of nodes) {
    const [own] = keywordValues([node], keyword);
    if (own === undefined || own.value === true) continue;
    const seen = document.inPlace(node);
    const isSeen = nodes.every((other) => seen.has(other) || !concerns(other, kind));
    if (own.value !== false || !isSeen) {
      throw schemaError(
        own.path,
        `${keyword} cannot be enforced here`,
        "set it to false in the outermost schema, or use additionalProperties or items",
        { keyword },
      );
    }
    isForbidden = true;
  }
  return isForbidden;
}

function concerns({ schema }: SchemaNode, kind: number): boolean {
  return Object.keys(schema).some((keyword) => ((kindsOfKeyword.get(keyword) ?? 0) & kind) !== 0);
}
