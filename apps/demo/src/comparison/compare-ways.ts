import { createEngine, type EngineOptions } from "@x/engine";
import type { LanguageModel } from "@x/models";
import type { ComparisonRow } from "./comparison-row";

/** What is generated in every way. */
export interface ComparisonRequest {
  readonly promptTokenIds: readonly number[];
  readonly maxTokens: number;
  /** Numbers of answers at once. */
  readonly batchSizes: readonly number[];
  readonly signal: AbortSignal;
  /** Told of each way before it runs. */
  readonly onStart: (name: string, index: number, total: number) => void;
}

/** One way's answer and cost. */
interface Measurement {
  readonly tokenIds: readonly number[];
  readonly numTokens: number;
  readonly decodeMs: number;
  readonly timeToFirstTokenMs: number;
  readonly cacheBytes: number;
}

type Measure = (model: LanguageModel, request: ComparisonRequest) => Promise<Measurement>;

/** A way to generate, before it is measured. */
interface Way {
  readonly group: ComparisonRow["group"];
  readonly name: string;
  readonly measure: Measure;
}

/**
 * Generates one greedy answer in every way, one after the other.
 *
 * @throws the signal's reason when aborted.
 */
export async function compareWays(
  model: LanguageModel,
  request: ComparisonRequest,
): Promise<ComparisonRow[]> {
  const ways = waysOf(request);
  const rows: ComparisonRow[] = [];
  let expected: string | undefined;
  // The first step of a model prepares its kernels; no way should pay for the others.
  await contiguous(model, { ...request, maxTokens: 1 });
  for (const [index, { group, name, measure }] of ways.entries()) {
    request.onStart(name, index, ways.length);
    const { tokenIds, numTokens, decodeMs, ...costs } = await measure(model, request);
    request.signal.throwIfAborted();
    expected ??= tokenIds.join();
    rows.push({
      group,
      name,
      tokensPerSecond: (numTokens * 1000) / decodeMs,
      timeToFirstTokenMs: costs.timeToFirstTokenMs,
      cacheBytes: costs.cacheBytes,
      isSameAnswer: tokenIds.join() === expected,
    });
  }
  return rows;
}

function waysOf({ batchSizes }: ComparisonRequest): Way[] {
  return [
    { group: "cache", name: "keys and values cached", measure: contiguous },
    { group: "cache", name: "all computed anew", measure: uncached },
    { group: "memory", name: "paged", measure: served({}) },
    { group: "drafts", name: "paged, with drafts", measure: served({ speculative: true }) },
    ...batchSizes.map(
      (size): Way => ({
        group: "batch",
        name: `${size} answers at once`,
        measure: served({ maxSequences: size, prefixCaching: false }, size),
      }),
    ),
  ];
}

/** A state that grows with the answer: what `model.generate` does. */
async function contiguous(
  model: LanguageModel,
  { promptTokenIds, maxTokens, signal }: ComparisonRequest,
): Promise<Measurement> {
  using state = model.createState();
  const options = { maxTokens, temperature: 0, ignoreEos: true, state, signal };
  const run = model.generate(promptTokenIds, options);
  let step = await run.next();
  while (!step.done) step = await run.next();
  const { tokenIds, timeToFirstTokenMs, decodeTokensPerSecond } = step.value;
  const numTokens = Math.max(0, tokenIds.length - 1);
  return {
    tokenIds,
    numTokens,
    decodeMs: numTokens === 0 ? 1 : (numTokens * 1000) / decodeTokensPerSecond,
    timeToFirstTokenMs,
    cacheBytes: state.bytes,
  };
}

/** Nothing is kept: the whole sequence goes through the model for each token. */
async function uncached(
  model: LanguageModel,
  { promptTokenIds, maxTokens, signal }: ComparisonRequest,
): Promise<Measurement> {
  const tokenIds: number[] = [];
  const startedAt = performance.now();
  let firstTokenAt = startedAt;
  while (tokenIds.length < maxTokens) {
    const sequence = [...promptTokenIds, ...tokenIds];
    const run = model.generate(sequence, { maxTokens: 1, temperature: 0, ignoreEos: true, signal });
    let step = await run.next();
    while (!step.done) step = await run.next();
    signal.throwIfAborted();
    if (tokenIds.length === 0) firstTokenAt = performance.now();
    tokenIds.push(...step.value.tokenIds);
  }
  return {
    tokenIds,
    numTokens: maxTokens - 1,
    decodeMs: performance.now() - firstTokenAt,
    timeToFirstTokenMs: firstTokenAt - startedAt,
    cacheBytes: 0,
  };
}

/** Through an engine, as one of `size` equal requests that compute everything themselves. */
function served(options: Omit<EngineOptions, "model">, size = 1): Measure {
  return async (model, { promptTokenIds, maxTokens, signal }) => {
    let cacheBytes = 0;
    let firstTokenAt: number | undefined;
    const engine = createEngine({
      ...options,
      model,
      onEvent: ({ type }) => {
        if (type === "tokens-generate") firstTokenAt ??= performance.now();
        if (type !== "step") return;
        const { numBlocks, numFreeBlocks, cacheBytes: poolBytes } = engine.stats();
        const used = (poolBytes * (numBlocks - numFreeBlocks)) / (numBlocks + 1);
        cacheBytes = Math.max(cacheBytes, used);
      },
    });
    try {
      const startedAt = performance.now();
      const settings = { maxTokens, temperature: 0, ignoreEos: true, signal };
      const prompts = Array.from({ length: size }, () => ({ tokenIds: promptTokenIds }));
      const [result] = await engine.generateBatch(prompts, settings);
      const begin = firstTokenAt ?? startedAt;
      return {
        tokenIds: result?.outputs[0]?.tokenIds ?? [],
        numTokens: size * Math.max(0, maxTokens - 1),
        decodeMs: performance.now() - begin,
        timeToFirstTokenMs: begin - startedAt,
        cacheBytes,
      };
    } finally {
      engine.dispose();
    }
  };
}
