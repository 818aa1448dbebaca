import {
  boundedStore,
  type CacheStore,
  dynamicStore,
  heavyHitterPolicy,
  quantizedStore,
  recentPolicy,
  snapPolicy,
} from "@x/kvcache";
import type { LanguageModel } from "@x/models";
import type { BenchRow, BenchSuite } from "../../bench-row";
import { modelName, negativeLogLikelihoods, openModel, perplexity, textTokens } from "./text";

const tokens = 2048;
const chunk = 32;
/** Tokens before the first that counts: the stores differ only from some length on. */
const skipped = 512;

/** What forgetting and rounding cost: perplexity of a text, store by store. */
export const accuracySuite: BenchSuite = {
  name: "kvcache-accuracy",
  description: `perplexity of ${modelName} over ${tokens} tokens with quantized and bounded stores`,
  async run({ log }) {
    using language = await openModel();
    const full = measure(language, dynamicStore());
    const quantized = ([8, 4, 2] as const).flatMap((bits) => [
      [`${bits} bits, groups of 32, 128 in full`, quantizedStore({ bits, groupSize: 32 })] as const,
      [`${bits} bits, defaults, 32 in full`, quantizedStore({ bits, residual: 32 })] as const,
    ]);
    const bounded = [recentPolicy({ sinks: 4 }), heavyHitterPolicy(), snapPolicy()].map(
      (policy) =>
        [`512 entries: ${policy.name}`, boundedStore({ maxTokens: 512, policy })] as const,
    );
    return [...quantized, ...bounded].map(([name, store]): BenchRow => {
      const ours = measure(language, store);
      log(`${name}: ${ours} against ${full}`);
      return {
        suite: "kvcache-accuracy",
        case: name,
        unit: "perplexity",
        ours,
        peer: full,
        peerName: "float32, all",
        ratio: full / ours,
        threads: 1,
        node: process.version,
      };
    });
  },
};

function measure(language: LanguageModel, store: CacheStore): number {
  const { model } = language;
  const ids = textTokens(language, tokens + 1);
  const losses: number[] = [];
  using state = model.createState({ cache: store });
  for (let start = 0; start < tokens; start += chunk) {
    const tokenIds = ids.slice(start, start + chunk);
    const isCounted = start >= skipped;
    using logits = model.forward([{ state, tokenIds, logits: isCounted ? "all" : "none" }]);
    if (isCounted) {
      losses.push(...negativeLogLikelihoods(logits, ids.slice(start + 1, start + chunk + 1)));
    }
  }
  return perplexity(losses);
}
