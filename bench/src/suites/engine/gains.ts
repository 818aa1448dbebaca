import { createEngine, type Engine, type EngineOptions } from "@x/engine";
import type { LanguageModel } from "@x/models";
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../../bench-row";
import { differentPrompts, modelName, openModel } from "./model";

const greedy = { temperature: 0, ignoreEos: true } as const;

/** What batching, prefix caching and drafts bring, each against the same engine without it. */
export const engineSuite: BenchSuite = {
  name: "engine",
  description: `batching, prefix caching and drafts with ${modelName}, each with it and without`,
  async run(options) {
    using model = await openModel();
    const cases = [concurrency, sharedPrefix, drafts, memory];
    const rows: BenchRow[] = [];
    for (const measure of cases) {
      if (options.only !== undefined && !measure.name.includes(options.only)) continue;
      rows.push(await measure(model, options));
    }
    return rows;
  },
};

async function concurrency(model: LanguageModel, options: BenchOptions): Promise<BenchRow> {
  const prompts = differentPrompts(model, 16, 32);
  const settings = { ...greedy, maxTokens: 128 };
  const speed = (startedAt: number) => (16 * 128 * 1000) / (performance.now() - startedAt);
  const together = async () => {
    using engine = createEngine({ model });
    const startedAt = performance.now();
    await engine.generateBatch(
      prompts.map((tokenIds) => ({ tokenIds })),
      settings,
    );
    return speed(startedAt);
  };
  const alone = async () => {
    using engine = createEngine({ model });
    const startedAt = performance.now();
    for (const tokenIds of prompts) await engine.generate({ tokenIds }, settings);
    return speed(startedAt);
  };
  const [ours, peer] = await alternate(together, alone, "16 requests", options);
  return row(model, "16 requests of 128 tokens", "tokens/s", ours, peer, "one after another");
}

async function sharedPrefix(model: LanguageModel, options: BenchOptions): Promise<BenchRow> {
  const [prefix = []] = differentPrompts(model, 1, 1000);
  const question = model.tokenizer.encode(" What came next?");
  const firstToken = async (engine: Engine) => {
    const tokenIds = [...prefix, ...question];
    const { timeToFirstTokenMs } = await engine.generate({ tokenIds }, { ...greedy, maxTokens: 1 });
    return timeToFirstTokenMs;
  };
  using cached = createEngine({ model });
  await cached.generate({ tokenIds: prefix }, { ...greedy, maxTokens: 1 });
  using uncached = createEngine({ model, prefixCaching: false });
  const [ours, peer] = await alternate(
    () => firstToken(cached),
    () => firstToken(uncached),
    "shared prefix",
    options,
  );
  const name = "first token after a shared prefix of 1,000";
  return row(model, name, "ms", ours, peer, "without prefix caching");
}

async function drafts(model: LanguageModel, options: BenchOptions): Promise<BenchRow> {
  const passage =
    "The lighthouse keeper wrote down the height of every wave, the colour of the evening sky and " +
    "the names of the ships that passed, and in winter he read it all again from the beginning.";
  const prompt = `${passage}\n\n${passage}\n\n${passage}\n\n`;
  const speed = (settings: Partial<EngineOptions>) => async () => {
    using engine = createEngine({ model, ...settings });
    await engine.generate(prompt, { ...greedy, maxTokens: 1 });
    const startedAt = performance.now();
    await engine.generate(prompt, { ...greedy, maxTokens: 128 });
    return (128 * 1000) / (performance.now() - startedAt);
  };
  const [ours, peer] = await alternate(
    speed({ speculative: { numDraftTokens: 8 } }),
    speed({}),
    "drafts",
    options,
  );
  return row(model, "128 tokens that copy the prompt", "tokens/s", ours, peer, "without drafts");
}

/** Share of the used blocks' slots that hold a token, sampled while requests of all sizes run. */
async function memory(model: LanguageModel, options: BenchOptions): Promise<BenchRow> {
  using engine = createEngine({ model });
  const prompts = differentPrompts(model, 16, 400);
  const shares: number[] = [];
  const done = Promise.all(
    prompts.map((tokenIds, index) =>
      engine.generate(
        { tokenIds: tokenIds.slice(0, 100 + 20 * index) },
        { ...greedy, maxTokens: 40 + 5 * index },
      ),
    ),
  );
  const timer = setInterval(() => {
    if (engine.stats().numRunningRequests > 0) shares.push(engine.stats().usefulShare * 100);
  }, 50);
  await done;
  clearInterval(timer);
  options.log(`useful share sampled ${shares.length} times`);
  const { kernels } = model;
  return {
    suite: "engine",
    case: `useful share of the memory in use (${kernels})`,
    unit: "%",
    ours: median(shares),
    peer: null,
    peerName: null,
    ratio: null,
    threads: model.model.device.threads,
    node: process.version,
  };
}

async function alternate(
  measureOurs: () => Promise<number>,
  measurePeer: () => Promise<number>,
  name: string,
  { rounds, log }: BenchOptions,
): Promise<[ours: number, peer: number]> {
  const ours: number[] = [];
  const peer: number[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(await measureOurs());
    peer.push(await measurePeer());
    log(`${name}, round ${round + 1}/${rounds}`);
  }
  return [median(ours), median(peer)];
}

function row(
  { kernels, model }: LanguageModel,
  name: string,
  unit: "tokens/s" | "ms",
  ours: number,
  peer: number,
  peerName: string,
): BenchRow {
  return {
    suite: "engine",
    case: `${name} (${kernels})`,
    unit,
    ours,
    peer,
    peerName,
    ratio: unit === "ms" ? peer / ours : ours / peer,
    threads: model.device.threads,
    node: process.version,
  };
}
