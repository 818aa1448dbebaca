import { ByteSet } from "./byte-set";
import type { Expression } from "./expression";
import { type ExpressionFactory, empty } from "./expression-factory";

/** Any of `texts`. Common beginnings are read once. */
export function anyLiteral(factory: ExpressionFactory, texts: readonly string[]): Expression {
  const encoder = new TextEncoder();
  const all = [...new Set(texts)].map((text) => encoder.encode(text));
  return fromPrefixes(factory, all, 0);
}

function fromPrefixes(
  factory: ExpressionFactory,
  texts: readonly Uint8Array[],
  start: number,
): Expression {
  const [first] = texts;
  if (first === undefined) return factory.alternation();
  if (texts.length === 1) return factory.literalBytes(first.subarray(start));
  let end = start;
  while (end < first.length && texts.every((text) => text[end] === first[end])) end += 1;
  const byByte = new Map<number, Uint8Array[]>();
  const options: Expression[] = [];
  for (const text of texts) {
    const byte = text[end];
    if (byte === undefined) {
      options.push(empty);
      continue;
    }
    const list = byByte.get(byte);
    if (list === undefined) byByte.set(byte, [text]);
    else list.push(text);
  }
  for (const [byte, list] of byByte) {
    options.push(
      factory.sequence(factory.bytes(ByteSet.single(byte)), fromPrefixes(factory, list, end + 1)),
    );
  }
  return factory.sequence(
    factory.literalBytes(first.subarray(start, end)),
    factory.alternation(...options),
  );
}
