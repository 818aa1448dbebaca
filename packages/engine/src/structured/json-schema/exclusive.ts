import { constraintsOf } from "./constraints";
import { entriesAt, keywordValues } from "./keyword-values";
import { kindOf, kinds } from "./keywords";
import type { SchemaDocument, SchemaNode } from "./schema-document";

const maxLevels = 4;

/**
 * Whether no value can satisfy both all of `left` and all of `right`, as far as it can be told from
 * types, listed values, bounds, and properties that both require.
 *
 * @param expand - The schemas that hold where some hold: themselves, and those that they refer to.
 */
export function areExclusive(
  document: SchemaDocument,
  left: readonly SchemaNode[],
  right: readonly SchemaNode[],
  expand: (nodes: readonly SchemaNode[]) => readonly SchemaNode[],
  level = 0,
): boolean {
  const one = constraintsOf(expand(left), { infersKinds: false });
  const other = constraintsOf(expand(right), { infersKinds: false });
  const both = constraintsOf([...one.nodes, ...other.nodes], { infersKinds: false });
  const possible = both.values?.reduce<number>((bits, value) => bits | kindOf(value), 0) ?? 127;
  const shared = both.kinds & possible;
  const exclusions: readonly [kind: number, isExcluded: () => boolean][] = [
    [kinds.null, () => false],
    [kinds.boolean, () => false],
    [
      kinds.integer | kinds.fraction,
      () =>
        both.minimum > both.maximum ||
        both.exclusiveMinimum >= both.maximum ||
        both.minimum >= both.exclusiveMaximum ||
        both.exclusiveMinimum >= both.exclusiveMaximum,
    ],
    [kinds.string, () => both.minLength > both.maxLength],
    [kinds.array, () => both.minItems > both.maxItems],
    [
      kinds.object,
      () =>
        both.minProperties > both.maxProperties || (level < maxLevels && hasExclusiveProperty()),
    ],
  ];
  const hasExclusiveProperty = (): boolean =>
    [...both.required].some((name) => {
      const ofOne = propertyOf(document, one.nodes, name);
      const ofOther = propertyOf(document, other.nodes, name);
      return areExclusive(document, ofOne, ofOther, expand, level + 1);
    });
  return exclusions.every(([kind, isExcluded]) => (shared & kind) === 0 || isExcluded());
}

/** What the schemas say about the property `name`, or less: patterns are not looked at. */
function propertyOf(
  document: SchemaDocument,
  nodes: readonly SchemaNode[],
  name: string,
): SchemaNode[] {
  return nodes.flatMap((node) => {
    const { schema, path } = node;
    if (typeof schema === "boolean") return [];
    const properties = entriesAt(schema.properties, `${path}/properties`);
    const own = properties.find(([key]) => key === name);
    if (own !== undefined) return [document.node(own[1], `${path}/properties/${name}`)];
    const hasPatterns = keywordValues([node], "patternProperties").length > 0;
    const { additionalProperties: additional } = schema;
    return additional === undefined || hasPatterns
      ? []
      : [document.node(additional, `${path}/additionalProperties`)];
  });
}
