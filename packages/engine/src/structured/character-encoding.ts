import { ByteSet } from "./byte-set";
import { anyCodePoint, type CodePointSet, differenceOf, intersectionOf } from "./code-points";
import type { Expression } from "./expression";
import { ExpressionFactory, empty, never } from "./expression-factory";

/** How characters are written: as themselves, or inside a JSON string. */
export type CharacterEncoding = "text" | "json";

/** What JSON has to escape. */
const escaped: CodePointSet = [
  [0x00, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
];

/**
 * One character of `set`. In JSON each has one way to be written, that of `JSON.stringify`, so that
 * equal texts are equal bytes.
 */
export function character(
  factory: ExpressionFactory,
  set: CodePointSet,
  encoding: CharacterEncoding,
): Expression {
  if (encoding === "text") return factory.asCharacter(utf8(factory, set));
  const escapes: Expression[] = [];
  for (const [low, high] of intersectionOf(set, escaped)) {
    for (let codePoint = low; codePoint <= high; codePoint += 1) {
      escapes.push(factory.literal(JSON.stringify(String.fromCharCode(codePoint)).slice(2, -1)));
    }
  }
  return factory.asCharacter(
    factory.alternation(
      utf8(factory, differenceOf(set, escaped)),
      factory.sequence(factory.literal("\\"), factory.alternation(...escapes)),
    ),
  );
}

const sharedAnyCharacter = new Map<CharacterEncoding, Expression>();

/** Any character, as {@link character} writes it. The same object in every grammar. */
export function anyCharacter(encoding: CharacterEncoding): Expression {
  let any = sharedAnyCharacter.get(encoding);
  if (any === undefined) {
    any = character(new ExpressionFactory(), anyCodePoint, encoding);
    sharedAnyCharacter.set(encoding, any);
  }
  return any;
}

let sharedJsonCharacter: Expression | undefined;

/**
 * Any character of a JSON string, in any way that JSON lets it be written; escapes of surrogates
 * only in pairs. The same object in every grammar, so that what is found about it is found once.
 */
export function anyJsonCharacter(): Expression {
  sharedJsonCharacter ??= makeJsonCharacter();
  return sharedJsonCharacter;
}

function makeJsonCharacter(): Expression {
  const factory = new ExpressionFactory();
  const oneOf = (characters: string) =>
    factory.bytes(ByteSet.of(new TextEncoder().encode(characters)));
  const hex = oneOf("0123456789abcdefABCDEF");
  const twoHex = factory.sequence(hex, hex);
  const d = oneOf("dD");
  const pair = factory.sequence(
    oneOf("89abAB"),
    twoHex,
    factory.literal("\\u"),
    d,
    oneOf("cdefCDEF"),
    twoHex,
  );
  // No two alternatives begin alike, so that the end of a character is known at once.
  const unicode = factory.alternation(
    factory.sequence(oneOf("0123456789abcefABCEF"), hex, twoHex),
    factory.sequence(d, factory.alternation(factory.sequence(oneOf("01234567"), twoHex), pair)),
  );
  return factory.asCharacter(
    factory.alternation(
      utf8(factory, differenceOf(anyCodePoint, escaped)),
      factory.sequence(
        factory.literal("\\"),
        factory.alternation(oneOf('"\\/bfnrt'), factory.sequence(factory.literal("u"), unicode)),
      ),
    ),
  );
}

type ByteRange = readonly [low: number, high: number];

/** One code point of `set` in UTF-8 (RFC 3629). */
function utf8(factory: ExpressionFactory, set: CodePointSet): Expression {
  const sequences: ByteRange[][] = [];
  for (const [low, high] of intersectionOf(set, anyCodePoint)) {
    for (const [lengthLow, lengthHigh] of [
      [0, 0x7f],
      [0x80, 0x7ff],
      [0x800, 0xffff],
      [0x1_0000, 0x10_ffff],
    ] as const) {
      if (low <= lengthHigh && high >= lengthLow) {
        addSequences(sequences, Math.max(low, lengthLow), Math.min(high, lengthHigh));
      }
    }
  }
  return fromSequences(factory, sequences, 0);
}

/** Splits code points of equal length until the bytes of each piece are independent of each other. */
function addSequences(sequences: ByteRange[][], low: number, high: number): void {
  const first = utf8Bytes(low);
  for (let place = 1; place < first.length; place += 1) {
    // Continuation bytes below `place` bytes from the end.
    const mask = (1 << (6 * place)) - 1;
    if ((low & ~mask) === (high & ~mask)) continue;
    if ((low & mask) !== 0) {
      addSequences(sequences, low, low | mask);
      addSequences(sequences, (low | mask) + 1, high);
      return;
    }
    if ((high & mask) !== mask) {
      addSequences(sequences, low, (high & ~mask) - 1);
      addSequences(sequences, high & ~mask, high);
      return;
    }
  }
  const last = utf8Bytes(high);
  sequences.push(first.map((byte, index) => [byte, last[index] as number]));
}

function utf8Bytes(codePoint: number): number[] {
  return [...new TextEncoder().encode(String.fromCodePoint(codePoint))];
}

/** A tree of byte ranges, from the place `index` on; equal rests are one. */
function fromSequences(
  factory: ExpressionFactory,
  sequences: readonly (readonly ByteRange[])[],
  index: number,
): Expression {
  if (sequences.length === 0) return never;
  const byRange = new Map<string, { range: ByteRange; own: (readonly ByteRange[])[] }>();
  for (const sequence of sequences) {
    const range = sequence[index];
    if (range === undefined) return empty;
    const known = byRange.get(range.join());
    if (known === undefined) byRange.set(range.join(), { range, own: [sequence] });
    else known.own.push(sequence);
  }
  const byRest = new Map<Expression, ByteSet>();
  for (const { range, own } of byRange.values()) {
    const rest = fromSequences(factory, own, index + 1);
    const bytes = ByteSet.range(...range);
    byRest.set(rest, byRest.get(rest)?.union(bytes) ?? bytes);
  }
  return factory.alternation(
    ...Array.from(byRest, ([rest, bytes]) => factory.sequence(factory.bytes(bytes), rest)),
  );
}
