import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { UnsupportedModelError } from "../errors";
import { toByteLevel } from "./byte-level";

/** How a model cuts text into words before byte-pair encoding. */
export interface PreTokenizerRule {
  /** Each cuts the pieces of the one before; matches and what lies between them are pieces. */
  readonly patterns: readonly string[];
  /** A word that is a token is that token, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** Whether a beginning-of-sequence token is added when the checkpoint does not say. */
  readonly addBosToken: boolean;
  /** Unicode normalization before everything else. */
  readonly normalization: "NFC" | undefined;
}

/** The pattern of GPT-2 (Radford et al. 2019). */
const gpt2Pattern =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** The pattern of Llama 3 and of Qwen 2, which differ in how many digits stay together. */
function llama3Pattern(digits: string): string {
  return `'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
}

const plain = { ignoreMerges: false, addBosToken: false, normalization: undefined } as const;
const smollmRule: PreTokenizerRule = { ...plain, patterns: ["\\p{N}", gpt2Pattern] };
const gpt2Rule: PreTokenizerRule = { ...plain, patterns: [gpt2Pattern] };
const llama3Rule: PreTokenizerRule = {
  ...plain,
  patterns: [llama3Pattern("\\p{N}{1,3}")],
  ignoreMerges: true,
  addBosToken: true,
};
const qwen2Rule: PreTokenizerRule = {
  ...plain,
  patterns: [llama3Pattern("\\p{N}")],
  normalization: "NFC",
};
/** What llama.cpp does with files that name no rule. */
const defaultRule: PreTokenizerRule = {
  ...plain,
  patterns: ["[\\p{P}\\$\\+<=>\\^~\\|]+", gpt2Pattern, "\\p{N}+", "[0-9][0-9][0-9]"],
};

const rules: ReadonlyMap<string, PreTokenizerRule> = new Map([
  ["smollm", smollmRule],
  ["gpt-2", gpt2Rule],
  ["llama-bpe", llama3Rule],
  ["llama3", llama3Rule],
  ["llama-v3", llama3Rule],
  ["qwen2", qwen2Rule],
  ["default", defaultRule],
]);

/**
 * The rule that a checkpoint names in `tokenizer.ggml.pre`.
 *
 * @throws {UnsupportedModelError} when it is not known here.
 */
export function preTokenizerRule(name: string): PreTokenizerRule {
  const rule = rules.get(name);
  if (rule === undefined) {
    const known = [...rules.keys()].join(", ");
    throw new UnsupportedModelError(
      `the pre-tokenizer ${JSON.stringify(name)} is not supported; use a model with one of ${known}`,
      { name },
    );
  }
  return rule;
}

/** A function that cuts text into byte-level words by `rule`. */
export function createPreTokenizer(rule: PreTokenizerRule): (text: string) => string[] {
  const splits = rule.patterns.map(
    (pattern) =>
      new SplitPreTokenizer({
        type: "Split",
        pattern: { Regex: pattern },
        behavior: "Isolated",
        invert: false,
      }),
  );
  return (text) => {
    const normalized = rule.normalization ? text.normalize(rule.normalization) : text;
    const words = splits.reduce((pieces, split) => split.pre_tokenize(pieces), [normalized]);
    return words.map(toByteLevel);
  };
}
