import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileGrammar, InvalidGrammarError } from "../../src/index";
import { accepts, randomFrom, randomText } from "./support/matching";

const grammarOf = (pattern: string) => compileGrammar({ type: "regex", pattern });
const matchesWhole = (pattern: string, text: string) =>
  new RegExp(`^(?:${pattern})$`, "u").test(text);

/** Regular expressions over few characters, so that random texts match often enough. */
const patterns = fc.letrec<{ pattern: string; atom: string }>((tie) => ({
  pattern: fc
    .array(
      fc.array(tie("atom"), { maxLength: 2 }).map((atoms) => atoms.join("")),
      {
        minLength: 1,
        maxLength: 3,
      },
    )
    .map((alternatives) => alternatives.join("|")),
  atom: fc
    .tuple(
      fc.oneof(
        { maxDepth: 2, depthSize: "small" },
        fc.constantFrom(
          ..."ab0",
          ".",
          "[ab]",
          "[^a]",
          "\\d",
          "\\w",
          "\\s",
          "é",
          "😀",
          "[^\\w]",
          "\\u{1F600}",
          "\\x61",
          "[a-b0-9é-日]",
          "\\p{L}",
          "\\n",
        ),
        tie("pattern").map((pattern) => `(?:${pattern})`),
        tie("pattern").map((pattern) => `(${pattern})`),
      ),
      fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{1,2}", "{2,}", "{0,3}?", "*?"),
    )
    .map(([atom, quantifier]) => atom + quantifier),
})).pattern;

const texts = fc.array(fc.constantFrom(..."aab0b1 é", "😀", "日", "\n", "-"), { maxLength: 6 });

describe("a regular expression", () => {
  it("allows what RegExp matches, and nothing else", () => {
    let matched = 0;
    fc.assert(
      fc.property(patterns, fc.array(texts, { minLength: 20, maxLength: 20 }), (pattern, list) => {
        const grammar = grammarOf(pattern);
        for (const characters of list) {
          const text = characters.join("");
          const expected = matchesWhole(pattern, text);
          if (expected) matched += 1;
          expect(accepts(grammar, text), `${pattern} on ${JSON.stringify(text)}`).toBe(expected);
        }
      }),
      { seed: 1, numRuns: 500 },
    );
    expect(matched).toBeGreaterThan(500);
  });

  it("makes texts that RegExp matches", () => {
    fc.assert(
      fc.property(patterns, fc.nat(), (pattern, seed) => {
        const text = randomText(grammarOf(pattern), randomFrom(seed), 12);
        expect(matchesWhole(pattern, text), `${pattern} on ${JSON.stringify(text)}`).toBe(true);
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it.each([
    ["^abc$", ["abc"], ["ab", "abcd", "xabc"]],
    ["(^a|b)c", ["ac", "bc"], ["c", "xac"]],
    ["a$|b", ["a", "b"], ["ab"]],
    ["(?:^)?a(?:$)?", ["a"], ["aa"]],
    ["[^\\d\\s]+", ["ab", "é"], ["a1", "a b", ""]],
    ["\\p{Script=Greek}+", ["αβγ"], ["abc", "α1"]],
    ["\\P{L}", ["1", "-"], ["a"]],
    ["[\\p{Lu}\\d]", ["A", "7", "É"], ["a"]],
    [".", ["a", "é", "日", "😀"], ["", "\n", "\r", "\u2028", "ab"]],
    ["[^]", ["\n", "a"], [""]],
    ["\\-\\@", ["-@"], ["-"]],
    ["(?<year>\\d{4})-\\d\\d", ["2024-01"], ["24-01"]],
    ["\\u0041\\x42\\cJ", ["AB\n"], ["AB"]],
    ["a{0}", [""], ["a"]],
    ["(?:a{2,3}){2}", ["aaaa", "aaaaa", "aaaaaa"], ["aaa", "aaaaaaa"]],
    ["(?:a?){3}", ["", "a", "aaa"], ["aaaa"]],
    ["(?:a*)*b", ["b", "aaab"], ["a"]],
    ["\\s", [" ", "\t", "\u00a0", "\ufeff", "\u3000"], ["a", "\u200b"]],
  ])("%s", (pattern, allowed, refused) => {
    const grammar = grammarOf(pattern);
    for (const text of allowed) expect(accepts(grammar, text), text).toBe(true);
    for (const text of refused) expect(accepts(grammar, text), text).toBe(false);
  });

  it.each([
    ["(a", "Unterminated group"],
    ["[b-a]", "Range out of order"],
    ["a(?=b)", "look-around"],
    ["(?<!a)b", "look-around"],
    ["(a)\\1", "references back"],
    ["\\bword\\b", "word boundaries"],
    ["(?i:a)", "modifiers"],
    ["(?:^a)*", "anchor"],
    ["a{1,1000000}", "repeats 1000000 times"],
    ["x{99999}", "repeats 99999 times"],
    ["(?:(?:a|ab|b){1,5000}c?){1,5000}", "side by side"],
    ["[]", "no text satisfies"],
    ["a^", "no text satisfies"],
  ])("%s is refused", (pattern, message) => {
    expect(() => grammarOf(pattern)).toThrow(InvalidGrammarError);
    expect(() => grammarOf(pattern)).toThrow(message);
  });

  it("is refused when it is too long or nests too deep", () => {
    expect(() => grammarOf("a".repeat(5001))).toThrow("5001 characters");
    expect(() => grammarOf("(".repeat(4000) + ")".repeat(1000))).toThrow("nest");
  });

  it("reads patterns in linear time on which backtracking takes exponential time", () => {
    for (const pattern of [
      "(a+)+b",
      "(a|a)*b",
      "(a|aa)+b",
      "(a*)*b",
      "(.*)*b",
      "([a-z]+)*[a-z]+b",
    ]) {
      const grammar = grammarOf(pattern);
      expect(accepts(grammar, "a".repeat(20_000))).toBe(false);
      expect(accepts(grammar, `${"a".repeat(20_000)}b`)).toBe(true);
    }
  });

  it("counts far without spelling the rounds out", () => {
    const grammar = grammarOf("[a-z]{5000,10000}");
    expect(accepts(grammar, "a".repeat(4999))).toBe(false);
    expect(accepts(grammar, "a".repeat(10_000))).toBe(true);
    expect(accepts(grammar, "a".repeat(10_001))).toBe(false);
  });
});
