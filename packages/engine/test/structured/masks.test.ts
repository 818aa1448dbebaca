import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compileGrammar,
  GrammarMatcher,
  type StructuredOutput,
  TokenVocabulary,
} from "../../src/index";
import { allowedIds, allowedIdsByTrial, vocabulary } from "./support/matching";
import { endIds } from "./support/small-vocabulary";

const specs: readonly StructuredOutput[] = [
  { type: "regex", pattern: "[a-z]{2,4}( [é日]{1,3})*" },
  { type: "regex", pattern: ".*ab.{3}" },
  { type: "regex", pattern: "(ab|abc|name)*" },
  { type: "regex", pattern: '[a-z]{1,3}[a-c]{2}|.{2,5}"' },
  { type: "choice", choices: ["abc", "ab", "name", "日本", ""] },
  { type: "json_object" },
  { type: "json_schema", schema: true },
  { type: "json_schema", schema: { type: "string", minLength: 2, maxLength: 5 } },
  { type: "json_schema", schema: { type: "string", pattern: "^[ab]+日" } },
  { type: "json_schema", schema: { type: "number", minimum: -2.5, exclusiveMaximum: 12.5 } },
  {
    type: "json_schema",
    schema: {
      type: "object",
      properties: { name: { type: "string" }, ab: { type: "integer" } },
      required: ["name"],
      additionalProperties: { type: ["null", "string"] },
    },
  },
  {
    type: "json_schema",
    schema: {
      anyOf: [
        { type: "array", items: { $ref: "#" }, maxItems: 3 },
        { type: "string", maxLength: 3 },
        { type: "string", minLength: 2, pattern: "b" },
        { type: "object", additionalProperties: { $ref: "#" } },
      ],
    },
  },
];

const isEnd = (id: number) => (endIds as readonly number[]).includes(id);

/** Goes on by allowed tokens as `choices` say, and shows every matcher on the way. */
function walk(matcher: GrammarMatcher, choices: readonly number[], visit: () => void): void {
  for (const choice of choices) {
    visit();
    const ids = allowedIdsByTrial(matcher, vocabulary).filter((id) => !isEnd(id));
    if (ids.length === 0) return;
    matcher.accept(ids[choice % ids.length]!);
  }
  visit();
}

describe("a mask", () => {
  it.each(specs)("has the tokens that are accepted, and no others: %j", (spec) => {
    const grammar = compileGrammar(spec);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 25 }), (choices) => {
        const matcher = new GrammarMatcher(grammar, vocabulary);
        walk(matcher, choices, () => {
          expect(allowedIds(matcher, vocabulary)).toEqual(allowedIdsByTrial(matcher, vocabulary));
        });
      }),
      { seed: 3, numRuns: 40 },
    );
  });

  it.each(specs)("has a token wherever the text has not ended: %j", (spec) => {
    const grammar = compileGrammar(spec);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (choices) => {
        const matcher = new GrammarMatcher(grammar, vocabulary);
        walk(matcher, choices, () => {
          const words = allowedIds(matcher, vocabulary).filter((id) => !isEnd(id));
          expect(words.length > 0).toBe(!matcher.isTerminated);
          expect(words.length > 0 || matcher.isComplete).toBe(true);
        });
      }),
      { seed: 4, numRuns: 40 },
    );
  });

  it.each(specs)("leads to an end before the tokens run out: %j", (spec) => {
    const grammar = compileGrammar(spec);
    fc.assert(
      fc.property(fc.nat(40), fc.infiniteStream(fc.nat()), (extra, choices) => {
        const matcher = new GrammarMatcher(grammar, vocabulary);
        for (let left = matcher.bytesToEnd + extra; !matcher.isTerminated; left -= 1) {
          const ids = allowedIds(matcher, vocabulary, left);
          const isInTime = (id: number) => {
            const fork = matcher.fork();
            return fork.accept(id) && (fork.bytesToEnd <= left - 1 || isEnd(id));
          };
          expect(ids).toEqual(allowedIdsByTrial(matcher, vocabulary).filter(isInTime));
          const words = ids.filter((id) => !isEnd(id));
          expect(words.length > 0 || matcher.isComplete).toBe(true);
          if (words.length === 0) break;
          const id = words[(choices.next().value as number) % words.length]!;
          expect(matcher.acceptablePrefix([id], left)).toBe(1);
          matcher.accept(id);
          expect(left).toBeGreaterThan(0);
        }
        expect(matcher.isComplete).toBe(true);
      }),
      { seed: 10, numRuns: 15 },
    );
  });

  it("knows the fewest bytes to an end", () => {
    const bytesOf = (spec: StructuredOutput) =>
      new GrammarMatcher(compileGrammar(spec), vocabulary).bytesToEnd;
    const ofSchema = (schema: object) => bytesOf({ type: "json_schema", schema });
    expect(bytesOf({ type: "regex", pattern: "ab*(cd|efg){3}é" })).toBe(1 + 6 + 2);
    expect(bytesOf({ type: "choice", choices: ["abc", "de"] })).toBe(2);
    expect(ofSchema({ type: "string", minLength: 4 })).toBe(6);
    expect(ofSchema({ type: "string", pattern: "^a.*b", minLength: 4 })).toBe(6);
    expect(ofSchema({ type: "array", items: { type: "null" }, minItems: 3 })).toBe(16);
    expect(ofSchema({ type: "object", properties: { a: {}, b: {} }, required: ["b"] })).toBe(7);
    expect(ofSchema({ type: "integer", minimum: 100 })).toBe(3);
  });

  it("does not restrict what could not end in time anyway", () => {
    const grammar = compileGrammar({ type: "regex", pattern: "a{9}b*" });
    const matcher = new GrammarMatcher(grammar, vocabulary);
    expect(matcher.bytesToEnd).toBe(9);
    expect(allowedIds(matcher, vocabulary, 8)).toEqual(allowedIds(matcher, vocabulary));
    expect(matcher.acceptablePrefix([97, 97], 3)).toBe(2);
  });

  it("allows the end exactly where the text is whole", () => {
    const matcher = new GrammarMatcher(
      compileGrammar({ type: "regex", pattern: "ab?" }),
      vocabulary,
    );
    expect(allowedIds(matcher, vocabulary)).toEqual([97, ...idsOfText("ab")]);
    expect(matcher.isComplete).toBe(false);
    expect(matcher.accept(endIds[0])).toBe(false);
    expect(matcher.accept(97)).toBe(true);
    expect(allowedIds(matcher, vocabulary)).toEqual([98, ...endIds]);
    expect(matcher).toMatchObject({ isComplete: true, isTerminated: false });
    expect(matcher.accept(98)).toBe(true);
    expect(matcher).toMatchObject({ isComplete: true, isTerminated: true });
    expect(allowedIds(matcher, vocabulary)).toEqual([...endIds]);
    expect(matcher.accept(endIds[1])).toBe(true);
    expect(allowedIds(matcher, vocabulary)).toEqual([...endIds]);
    expect(matcher.accept(endIds[1])).toBe(false);
    expect(matcher.isTerminated).toBe(true);
  });

  it("allows a token that ends inside a character, and then only the rest of one", () => {
    const matcher = new GrammarMatcher(
      compileGrammar({ type: "regex", pattern: "[日月]" }),
      vocabulary,
    );
    const half = idsOfBytes(new TextEncoder().encode("日").slice(0, 2));
    // 日 is E6 97 A5 and 月 is E6 9C 88.
    expect(allowedIds(matcher, vocabulary)).toEqual([0xe6, ...half].sort((a, b) => a - b));
    expect(matcher.accept(half[0]!)).toBe(true);
    expect(matcher.isComplete).toBe(false);
    expect(allowedIds(matcher, vocabulary)).toEqual([0xa5]);
  });

  it("never allows tokens that are no text or have no bytes", () => {
    const matcher = new GrammarMatcher(
      compileGrammar({ type: "regex", pattern: "[^]*" }),
      vocabulary,
    );
    const allowed = allowedIds(matcher, vocabulary);
    for (const [id, bytes] of vocabulary.tokenBytes.entries()) {
      if (bytes === undefined && !isEnd(id)) expect(allowed).not.toContain(id);
    }
    expect(idsOfText("ab")).toHaveLength(2);
    for (const id of idsOfText("ab")) expect(allowed).toContain(id);
  });

  it("rejects a mask of another length", () => {
    const matcher = new GrammarMatcher(compileGrammar({ type: "json_object" }), vocabulary);
    expect(() => matcher.fillMask(new Int32Array(9))).toThrow("give it 10");
  });
});

describe("a matcher", () => {
  const grammar = compileGrammar({
    type: "json_schema",
    schema: { type: "array", items: { type: "integer" } },
  });
  const at = (text: string) => {
    const matcher = new GrammarMatcher(grammar, vocabulary);
    for (const byte of new TextEncoder().encode(text)) expect(matcher.accept(byte)).toBe(true);
    return matcher;
  };

  it("stays where it is when it refuses a token", () => {
    const matcher = at("[1");
    const before = allowedIds(matcher, vocabulary);
    for (const id of [0x7b, -1, 1.5, 9999, Number.NaN, endIds[0]])
      expect(matcher.accept(id)).toBe(false);
    expect(allowedIds(matcher, vocabulary)).toEqual(before);
  });

  it("forks into one that goes its own way", () => {
    const original = at("[1");
    const fork = original.fork();
    expect(fork.accept(0x5d)).toBe(true);
    expect(fork.isTerminated).toBe(true);
    expect(original.isComplete).toBe(false);
    expect(original.accept(0x2c)).toBe(true);
    expect(fork.accept(0x2c)).toBe(false);
    expect(original.fork().accept(0x32)).toBe(true);
    expect(original.accept(0x5d)).toBe(false);
  });

  it("says how much of a draft is acceptable, and stays where it is", () => {
    const matcher = at("[");
    const before = allowedIds(matcher, vocabulary);
    const draft = [..."12,3]"].map((character) => character.charCodeAt(0));
    expect(matcher.acceptablePrefix([])).toBe(0);
    expect(matcher.acceptablePrefix([...draft, endIds[0]])).toBe(6);
    expect(matcher.acceptablePrefix([...draft, 0x2c, 0x33])).toBe(5);
    expect(matcher.acceptablePrefix([0x31, endIds[0]])).toBe(1);
    expect(matcher.acceptablePrefix([0x78])).toBe(0);
    expect(allowedIds(matcher, vocabulary)).toEqual(before);
  });
});

describe("a vocabulary", () => {
  it("rejects end tokens that it does not have", () => {
    expect(() => new TokenVocabulary([Uint8Array.of(1)], [1])).toThrow("from 0 to 0");
    expect(() => new TokenVocabulary([Uint8Array.of(1)], [-1])).toThrow("-1");
  });

  it("is not changed by what becomes of the bytes that it was given", () => {
    const bytes = Uint8Array.of(97);
    const own = new TokenVocabulary([bytes, undefined], [1]);
    bytes[0] = 98;
    const matcher = new GrammarMatcher(compileGrammar({ type: "regex", pattern: "a" }), own);
    expect(allowedIds(matcher, own)).toEqual([0]);
    expect(matcher.accept(0)).toBe(true);
  });
});

function idsOfText(text: string): number[] {
  return idsOfBytes(new TextEncoder().encode(text));
}

function idsOfBytes(bytes: Uint8Array): number[] {
  return vocabulary.tokenBytes.flatMap((own, id) => (own?.join() === bytes.join() ? [id] : []));
}
