import { Automaton } from "./automaton";
import type { Configuration } from "./configuration";
import { InvalidGrammarError } from "./errors";
import type { Expression } from "./expression";
import { ExpressionFactory } from "./expression-factory";
import { fromSchema } from "./json-schema/from-schema";
import { anyLiteral } from "./literals";
import { fromPattern } from "./regular-expression";
import type { StructuredOutput } from "./structured-output";

const maxChoices = 10_000;
const maxChoiceCharacters = 1_000_000;

/**
 * The texts that a {@link StructuredOutput} allows, ready for any number of
 * {@link GrammarMatcher}s. Made by {@link compileGrammar}.
 */
export class Grammar {
  /** @internal */
  readonly automaton: Automaton;
  readonly #root: Expression;

  /** @internal */
  constructor(factory: ExpressionFactory, root: Expression) {
    this.automaton = new Automaton(factory);
    this.#root = root;
  }

  /** Before the first byte. @internal */
  get start(): Configuration {
    return this.automaton.start(this.#root);
  }
}

/**
 * Makes a grammar of what a text is to be like. It takes milliseconds for usual schemas and is
 * bounded for all; keep the result when more requests have the same one.
 *
 * @throws {InvalidGrammarError} when the schema, pattern or list is malformed, too large, matched by
 * no text, or says something that cannot be enforced. Nothing is ever left out silently.
 *
 * @example
 * ```ts
 * const grammar = compileGrammar({
 *   type: "json_schema",
 *   schema: { type: "object", properties: { age: { type: "integer", minimum: 0 } }, required: ["age"] },
 * });
 * const matcher = new GrammarMatcher(grammar, vocabulary);
 * ```
 */
export function compileGrammar(spec: StructuredOutput): Grammar {
  const factory = new ExpressionFactory();
  const root = toExpression(factory, spec);
  factory.complete();
  if (!Number.isFinite(root.height)) {
    throw new InvalidGrammarError(
      `no text satisfies the ${kindNames[spec.type]}; remove what contradicts itself`,
      { type: spec.type },
    );
  }
  return new Grammar(factory, root);
}

const kindNames: Readonly<Record<StructuredOutput["type"], string>> = {
  json_schema: "JSON schema",
  json_object: "JSON object",
  regex: "regular expression",
  choice: "choice",
};

function toExpression(factory: ExpressionFactory, spec: StructuredOutput): Expression {
  const type: unknown = typeof spec === "object" ? spec?.type : undefined;
  switch (type) {
    case "json_schema":
      return fromSchema(factory, (spec as { readonly schema: unknown }).schema);
    case "json_object":
      return fromSchema(factory, { type: "object" });
    case "regex": {
      const { pattern } = spec as { readonly pattern: unknown };
      if (typeof pattern !== "string") {
        throw new InvalidGrammarError("the pattern is not a string; give a regular expression");
      }
      return fromPattern(factory, pattern, { encoding: "text", match: "whole" });
    }
    case "choice":
      return fromChoices(factory, (spec as { readonly choices: unknown }).choices);
    default:
      throw new InvalidGrammarError(
        `the structured output type ${JSON.stringify(type)} is unknown; use json_schema, json_object, regex or choice`,
        { type },
      );
  }
}

function fromChoices(factory: ExpressionFactory, choices: unknown): Expression {
  if (!Array.isArray(choices) || choices.length === 0 || choices.length > maxChoices) {
    throw new InvalidGrammarError(`the choices are not a list of 1 to ${maxChoices} strings`, {
      limit: maxChoices,
    });
  }
  let characters = 0;
  for (const [index, choice] of choices.entries()) {
    // A lone surrogate has no UTF-8.
    if (typeof choice !== "string" || /\p{Surrogate}/u.test(choice)) {
      throw new InvalidGrammarError(`choice ${index} is not a string of whole characters`, {
        index,
      });
    }
    characters += choice.length;
  }
  if (characters > maxChoiceCharacters) {
    throw new InvalidGrammarError(
      `the choices have ${characters} characters; use at most ${maxChoiceCharacters}`,
      { characters, limit: maxChoiceCharacters },
    );
  }
  return anyLiteral(factory, choices);
}
