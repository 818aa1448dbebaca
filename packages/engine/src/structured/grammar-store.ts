import type { Tokenizer } from "@x/models";
import { compileGrammar, type Grammar } from "./grammar";
import { GrammarMatcher } from "./grammar-matcher";
import type { StructuredOutput } from "./structured-output";
import { TokenVocabulary } from "./token-vocabulary";

/** Grammars that are kept for requests to come. */
const mostGrammars = 64;

/** Matchers for one tokenizer; a grammar that was used lately is not compiled again. */
export class GrammarStore {
  readonly #tokenizer: Tokenizer;
  readonly #grammars = new Map<string, Grammar>();
  #vocabulary: TokenVocabulary | undefined;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /**
   * Matchers at the start of a text, one for each of `count` answers.
   *
   * @throws {InvalidGrammarError} when generation cannot be held to the form.
   */
  matchers(form: StructuredOutput, count: number): GrammarMatcher[] {
    const grammar = this.#grammar(form);
    this.#vocabulary ??= toVocabulary(this.#tokenizer);
    const vocabulary = this.#vocabulary;
    return Array.from({ length: count }, () => new GrammarMatcher(grammar, vocabulary));
  }

  #grammar(form: StructuredOutput): Grammar {
    const key = JSON.stringify(form);
    const grammar = this.#grammars.get(key) ?? compileGrammar(form);
    // The first entry of a map is the one that was set longest ago.
    this.#grammars.delete(key);
    this.#grammars.set(key, grammar);
    const [oldest] = this.#grammars.keys();
    if (this.#grammars.size > mostGrammars && oldest !== undefined) this.#grammars.delete(oldest);
    return grammar;
  }
}

function toVocabulary(tokenizer: Tokenizer): TokenVocabulary {
  const tokenBytes = Array.from({ length: tokenizer.vocabularySize }, (_, id) =>
    tokenizer.isSpecial(id) ? undefined : tokenizer.tokenBytes(id),
  );
  return new TokenVocabulary(tokenBytes, tokenizer.eosTokenIds);
}
