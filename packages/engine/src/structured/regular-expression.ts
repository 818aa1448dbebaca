import { type AST, RegExpParser, RegExpSyntaxError } from "@eslint-community/regexpp";
import { anyCharacter, type CharacterEncoding, character } from "./character-encoding";
import {
  anyCodePoint,
  type CodePointSet,
  codePoints,
  complementOf,
  differenceOf,
  digits,
  lineEnds,
  spaces,
  unicodeProperty,
  unionOf,
  wordCharacters,
} from "./code-points";
import { excerpt, InvalidGrammarError } from "./errors";
import type { Expression } from "./expression";
import { type ExpressionFactory, empty, never } from "./expression-factory";

const maxPatternLength = 5000;
const maxGroupDepth = 100;
const maxRepetitions = 10_000;
/** Places that a reader may be at simultaneously: bounds the work per byte. */
const maxWidth = 512;

/** How a pattern applies to a text. */
export interface PatternOptions {
  /** How the characters of the text are written. */
  readonly encoding: CharacterEncoding;
  /** Whether the pattern has to match all of the text, or somewhere in it. */
  readonly match: "whole" | "anywhere";
}

/**
 * The texts that a JavaScript regular expression matches. Characters are whole code points, as with
 * the flag `u`; patterns that are valid only without the flag are read without it.
 *
 * @throws {InvalidGrammarError} for a syntax error, a construct that is not regular (look-around,
 * references back, word boundaries), and a pattern above the limits.
 */
export function fromPattern(
  factory: ExpressionFactory,
  pattern: string,
  { encoding, match }: PatternOptions,
): Expression {
  const translator = new PatternTranslator(factory, pattern, encoding);
  const any = factory.repetition(anyCharacter(encoding), 0);
  const expression = factory.alternation(
    ...translator.translate().map(({ body, atStart, atEnd }) => {
      if (match === "whole") return body;
      return factory.sequence(atStart ? empty : any, body, atEnd ? empty : any);
    }),
  );
  if (expression.width > maxWidth) {
    throw patternError(
      pattern,
      `it can be read in up to ${expression.width} ways side by side, more than ${maxWidth}`,
      "repeat less, or make clear where a repeated part ends",
    );
  }
  return expression;
}

/** What a part matches, and whether only at the start or the end of the text. */
interface Variant {
  readonly body: Expression;
  readonly atStart: boolean;
  readonly atEnd: boolean;
}

class PatternTranslator {
  readonly #factory: ExpressionFactory;
  readonly #pattern: string;
  readonly #encoding: CharacterEncoding;

  constructor(factory: ExpressionFactory, pattern: string, encoding: CharacterEncoding) {
    this.#factory = factory;
    this.#pattern = pattern;
    this.#encoding = encoding;
  }

  translate(): readonly Variant[] {
    const { alternatives } = parse(this.#pattern);
    return this.#alternatives(alternatives);
  }

  #alternatives(alternatives: readonly AST.Alternative[]): readonly Variant[] {
    return this.#merge(alternatives.flatMap(({ elements }) => this.#concatenate(elements)));
  }

  #concatenate(elements: readonly AST.Element[]): readonly Variant[] {
    let variants: readonly Variant[] = [always(empty)];
    // From the end, so that sequences nest to the right.
    for (const element of [...elements].reverse()) {
      const own = this.#element(element);
      variants = this.#merge(
        own.flatMap((left) => variants.flatMap((right) => this.#join(left, right))),
      );
    }
    return variants;
  }

  /** `left`, then `right`. What has to be at an end of the text has nothing beyond it. */
  #join(left: Variant, right: Variant): Variant[] {
    if (right.atStart && !left.body.isNullable) return [];
    if (left.atEnd && !right.body.isNullable) return [];
    const head = right.atStart ? empty : left.body;
    const tail = left.atEnd ? empty : right.body;
    return [
      {
        body: this.#factory.sequence(head, tail),
        atStart: left.atStart || right.atStart,
        atEnd: left.atEnd || right.atEnd,
      },
    ];
  }

  /** One variant for each way to be anchored. */
  #merge(variants: readonly Variant[]): readonly Variant[] {
    if (variants.length < 2) return variants;
    const merged: Variant[] = [];
    for (const atStart of [false, true]) {
      for (const atEnd of [false, true]) {
        const bodies = variants
          .filter((variant) => variant.atStart === atStart && variant.atEnd === atEnd)
          .map(({ body }) => body);
        const body = this.#factory.alternation(...bodies);
        if (body !== never) merged.push({ body, atStart, atEnd });
      }
    }
    return merged;
  }

  #element(element: AST.Element): readonly Variant[] {
    switch (element.type) {
      case "Character":
        return this.#characters([[element.value, element.value]]);
      case "CharacterSet":
        return this.#characters(this.#characterSet(element));
      case "CharacterClass":
        return this.#characters(this.#characterClass(element));
      case "CapturingGroup":
        return this.#alternatives(element.alternatives);
      case "Group":
        if (element.modifiers) throw this.#unsupported(element, "modifiers are not supported");
        return this.#alternatives(element.alternatives);
      case "Quantifier":
        return this.#quantifier(element);
      case "Assertion":
        switch (element.kind) {
          case "start":
            return [{ body: empty, atStart: true, atEnd: false }];
          case "end":
            return [{ body: empty, atStart: false, atEnd: true }];
          case "word":
            throw this.#unsupported(element, "word boundaries are not supported");
          default:
            throw this.#unsupported(element, "look-around is not supported");
        }
      case "Backreference":
        throw this.#unsupported(element, "references back are not regular");
      default:
        throw this.#unsupported(element, "classes of the flag v are not supported");
    }
  }

  #characters(set: CodePointSet): readonly Variant[] {
    return [always(character(this.#factory, set, this.#encoding))];
  }

  #quantifier({ element, min, max, raw }: AST.Quantifier): readonly Variant[] {
    const largest = Number.isFinite(max) ? max : min;
    if (largest > maxRepetitions) {
      throw patternError(
        this.#pattern,
        `${excerpt(raw)} repeats ${largest} times, more than ${maxRepetitions}`,
        "use a smaller bound",
      );
    }
    const own = this.#element(element as AST.Element);
    if (own.every(({ atStart, atEnd }) => !atStart && !atEnd)) {
      const body = this.#factory.alternation(...own.map((variant) => variant.body));
      return [always(this.#factory.repetition(body, min, max))];
    }
    if (max > 1) {
      throw patternError(
        this.#pattern,
        `${excerpt(raw)} repeats an anchor`,
        "put ^ and $ outside of repetitions",
      );
    }
    return this.#merge(min === 0 ? [...own, always(empty)] : own);
  }

  #characterSet(set: AST.CharacterSet): CodePointSet {
    switch (set.kind) {
      case "any":
        return differenceOf(anyCodePoint, lineEnds);
      case "digit":
        return signed(digits, set.negate);
      case "space":
        return signed(spaces, set.negate);
      case "word":
        return signed(wordCharacters, set.negate);
      case "property": {
        if (set.strings) throw this.#unsupported(set, "properties of strings are not supported");
        const property = set.value === null ? set.key : `${set.key}=${set.value}`;
        return signed(unicodeProperty(property), set.negate);
      }
      default:
        return set satisfies never;
    }
  }

  #characterClass({ elements, negate }: AST.CharacterClass): CodePointSet {
    const sets = elements.map((element): CodePointSet => {
      switch (element.type) {
        case "Character":
          return [[element.value, element.value]];
        case "CharacterClassRange":
          return [[element.min.value, element.max.value]];
        case "CharacterSet":
          return this.#characterSet(element);
        default:
          throw this.#unsupported(element, "classes of the flag v are not supported");
      }
    });
    return signed(unionOf(...sets), negate);
  }

  #unsupported({ raw }: AST.NodeBase, problem: string): InvalidGrammarError {
    return patternError(this.#pattern, `${problem}: ${excerpt(raw)}`, "write it without");
  }
}

function always(body: Expression): Variant {
  return { body, atStart: false, atEnd: false };
}

function signed(set: CodePointSet, isNegated: boolean): CodePointSet {
  return isNegated ? complementOf(set) : codePoints(set);
}

function parse(pattern: string): AST.Pattern {
  if (pattern.length > maxPatternLength) {
    throw patternError(
      pattern,
      `it has ${pattern.length} characters, more than ${maxPatternLength}`,
      "use a shorter one",
    );
  }
  if (groupDepth(pattern) > maxGroupDepth) {
    throw patternError(pattern, `groups nest deeper than ${maxGroupDepth}`, "nest less");
  }
  const parser = new RegExpParser({ ecmaVersion: 2025 });
  try {
    return parser.parsePattern(pattern, 0, pattern.length, { unicode: true });
  } catch (error) {
    if (!(error instanceof RegExpSyntaxError)) throw error;
    // Without the flag, a character above U+FFFF would be two.
    if (/^[\0-\uffff]*$/u.test(pattern)) {
      try {
        return parser.parsePattern(pattern, 0, pattern.length, { unicode: false });
      } catch {
        // The message with the flag is the one to give.
      }
    }
    throw patternError(pattern, error.message.replace(/^.*\/: /s, ""), "correct it");
  }
}

/** Groups open at the same time, at most; escaped parentheses may count as well. */
function groupDepth(pattern: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of pattern) {
    if (character === "(") depth += 1;
    else if (character === ")") depth = Math.max(0, depth - 1);
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

function patternError(pattern: string, problem: string, remedy: string): InvalidGrammarError {
  return new InvalidGrammarError(
    `the regular expression ${excerpt(pattern)} cannot be used: ${problem}; ${remedy}`,
    { pattern: pattern.slice(0, 200) },
  );
}
