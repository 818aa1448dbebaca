export { InvalidGrammarError } from "./errors";
export { compileGrammar, type Grammar } from "./grammar";
export { GrammarMatcher } from "./grammar-matcher";
export type { StructuredOutput } from "./structured-output";
export { TokenVocabulary } from "./token-vocabulary";
