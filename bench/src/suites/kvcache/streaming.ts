import { sinkStore } from "@x/kvcache";
import type { LanguageModel } from "@x/models";
import { type BenchRow, type BenchSuite, median } from "../../bench-row";
import { modelName, negativeLogLikelihoods, openModel, perplexity, textTokens } from "./text";

const tokens = 20_000;
const sinks = 4;
/** Entries of the cache, sinks included. */
const entries = 256;
const chunk = 16;
/** Every so many chunks, the window is computed anew for comparison. */
const recomputeEvery = 16;
const segment = 2_000;

/** A text far longer than the cache, with and without the first tokens kept. */
export const streamingSuite: BenchSuite = {
  name: "kvcache-streaming",
  description: `${tokens} tokens through ${modelName} with ${entries} entries: sinks, window, recomputation`,
  async run({ log }) {
    using model = await openModel();
    const ids = textTokens(model, tokens + 1);
    const streams = [
      { name: "sinks and window", store: sinkStore({ sinks, window: entries - sinks }) },
      { name: "window alone", store: sinkStore({ sinks: 0, window: entries }) },
    ].map(({ name, store }) => ({
      name,
      state: model.model.createState({ cache: store }),
      losses: [] as number[],
      sampled: [] as number[],
      times: [] as number[],
    }));
    const recomputed: number[] = [];
    for (let start = 0; start < tokens; start += chunk) {
      const tokenIds = ids.slice(start, start + chunk);
      const targets = ids.slice(start + 1, start + chunk + 1);
      const isSampled = start >= entries && (start / chunk) % recomputeEvery === 0;
      for (const { state, losses, sampled, times } of streams) {
        const startedAt = performance.now();
        using logits = model.model.forward([{ state, tokenIds, logits: "all" }]);
        times.push((performance.now() - startedAt) / chunk);
        const measured = negativeLogLikelihoods(logits, targets);
        losses.push(...measured);
        if (isSampled) sampled.push(...measured);
      }
      if (isSampled) recomputed.push(...recompute(model, ids, start));
      if ((start / chunk) % 125 === 0) {
        const soFar = streams.map(({ name, losses }) => `${name} ${perplexity(losses).toFixed(2)}`);
        log(`${start} of ${tokens}: ${soFar.join(", ")}`);
      }
    }
    const row = (name: string, unit: string, ours: number, peer?: number, peerName?: string) =>
      benchRow(name, unit, ours, peer ?? null, peerName ?? null);
    return streams.flatMap(({ name, losses, sampled, times, state }) => {
      state.dispose();
      const perSegment = segment / chunk;
      const second = median(times.slice(perSegment, 2 * perSegment));
      const last = median(times.slice(-perSegment));
      return [
        row(`${name}, all ${tokens} tokens`, "perplexity", perplexity(losses)),
        row(
          `${name}, ${sampled.length} sampled tokens`,
          "perplexity",
          perplexity(sampled),
          perplexity(recomputed),
          "recomputed window",
        ),
        row(
          `${name}, last ${segment} tokens`,
          "ms/token",
          last,
          second,
          `second ${segment} tokens`,
        ),
      ];
    });
  },
};

/** Losses of the chunk at `start`, with the tokens of the window before it computed afresh. */
function recompute({ model }: LanguageModel, ids: readonly number[], start: number): number[] {
  using state = model.createState();
  const first = start - (entries - chunk);
  model.forward([{ state, tokenIds: ids.slice(first, start), logits: "none" }]).dispose();
  using logits = model.forward([
    { state, tokenIds: ids.slice(start, start + chunk), logits: "all" },
  ]);
  return negativeLogLikelihoods(logits, ids.slice(start + 1, start + chunk + 1));
}

function benchRow(
  name: string,
  unit: string,
  ours: number,
  peer: number | null,
  peerName: string | null,
): BenchRow {
  return {
    suite: "kvcache-streaming",
    case: name,
    unit,
    ours,
    peer,
    peerName,
    // Lower is better in all of these.
    ratio: peer === null ? null : peer / ours,
    threads: 1,
    node: process.version,
  };
}
