import {
  type CacheStore,
  dynamicStore,
  offloadedStore,
  PagedPool,
  pagedStore,
  quantizedStore,
  type SequenceCache,
  sinkStore,
  slidingStore,
  staticStore,
} from "@x/kvcache";
import type { CausalLM, LanguageModel, SequenceState } from "@x/models";
import { argmax, type Device, tensor } from "@x/tensor";
import {
  type BenchOptions,
  type BenchRow,
  type BenchSuite,
  medianOfFasterHalf,
} from "../../bench-row";
import { modelName, openModel, textTokens } from "./text";

const prompts = [16, 64, 256, 1024];
const context = 4096;
const window = 512;
/** Tokens decoded per store and round. */
const steps = 8;

/** What the cache saves in time, and what each store costs in bytes and time. */
export const kvcacheSuite: BenchSuite = {
  name: "kvcache",
  description: `${modelName}: cached against recomputed, bytes and decoding speed of every store`,
  async run(options) {
    using model = await openModel();
    return [
      ...compareWithRecomputing(model, options),
      ...compareStores(model, options),
      compareWithProgram(model, options),
    ];
  },
};

/** The next token of a prompt, by the cache and by computing the whole prompt. */
function compareWithRecomputing(language: LanguageModel, { rounds, log }: BenchOptions) {
  const { model } = language;
  return prompts.map((length) => {
    const ids = textTokens(language, length + 1);
    using state = model.createState();
    takeIn(model, state, ids.slice(0, length - 1));
    const cached: number[] = [];
    const recomputed: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      cached.push(
        timed(() => {
          step(model, state, ids[length - 1] ?? 0);
        }),
      );
      state.crop(length - 1);
      recomputed.push(
        timed(() => {
          using fresh = model.createState();
          takeIn(model, fresh, ids.slice(0, length - 1));
          step(model, fresh, ids[length - 1] ?? 0);
        }),
      );
    }
    log(`prompt of ${length} done`);
    return row(`next token after ${length}`, "ms", medianOfFasterHalf(cached), {
      figure: medianOfFasterHalf(recomputed),
      name: "recomputed",
    });
  });
}

/** Decoding with a full context, by store; the peer is the plain one, in the same rounds. */
function compareStores({ model }: LanguageModel, { rounds, log }: BenchOptions): BenchRow[] {
  const { device } = model;
  using plain = filledState(model, dynamicStore());
  const { layers } = model.config;
  const { kvHeads, headDim } = cacheOf(plain).geometry;
  const blocks = Math.ceil((context + 512) / 16) + 1;
  using pool = new PagedPool({ device, layers, kvHeads, headDim, blocks });
  const stores: readonly (readonly [string, CacheStore])[] = [
    ["static", staticStore({ maxTokens: context + 512 })],
    ["paged, blocks of 16", pagedStore({ pool })],
    ["offloaded to the host", offloadedStore()],
    ["8 bits", quantizedStore({ bits: 8 })],
    ["4 bits", quantizedStore({ bits: 4 })],
    ["2 bits", quantizedStore({ bits: 2 })],
    [`sliding window of ${window}`, slidingStore({ window })],
    [`4 sinks and ${window - 4}`, sinkStore({ window: window - 4 })],
  ];
  return stores.flatMap(([name, store]) => {
    using state = filledState(model, store);
    const { bytes } = state;
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds * steps; round++) {
      ours.push(timed(() => step(model, state, 1000 + round)));
      theirs.push(timed(() => step(model, plain, 1000 + round)));
    }
    plain.crop(context);
    log(`${name} done`);
    const peer = { figure: medianOfFasterHalf(theirs), name: "dynamic" };
    return [
      row(`${name}: a token after ${context}`, "ms", medianOfFasterHalf(ours), peer),
      row(`${name}: memory at ${context}`, "MB", bytes / 1e6, {
        figure: (2 * layers * kvHeads * headDim * 4 * context) / 1e6,
        name: "dynamic",
      }),
    ];
  });
}

/** The buffers that a model keeps when no store is asked for, which its prepared program reads. */
function compareWithProgram(language: LanguageModel, { rounds }: BenchOptions): BenchRow {
  const { model } = language;
  using plain = filledState(model, dynamicStore());
  using own = model.createState();
  takeIn(model, own, textTokens(language, context));
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds * steps; round++) {
    ours.push(timed(() => step(model, own, 1000 + round)));
    theirs.push(timed(() => step(model, plain, 1000 + round)));
  }
  const peer = { figure: medianOfFasterHalf(theirs), name: "dynamic" };
  return row(`no store asked for: a token after ${context}`, "ms", medianOfFasterHalf(ours), peer);
}

/** A state whose cache holds normally distributed keys and values. */
function filledState(model: CausalLM, store: CacheStore): SequenceState {
  const state = model.createState({ cache: store });
  const cache = cacheOf(state);
  const piece = 512;
  for (let start = 0; start < context; start += piece) {
    for (let layer = 0; layer < cache.layers; layer++) {
      using keys = noise(model.device, cache, piece);
      using values = noise(model.device, cache, piece);
      cache.append(layer, keys, values);
    }
  }
  return state;
}

function cacheOf({ cache }: SequenceState): SequenceCache {
  if (cache === undefined) throw new Error("the model keeps no keys and values");
  return cache;
}

function noise(device: Device, { geometry }: SequenceCache, tokens: number) {
  const shape = [tokens, geometry.kvHeads, geometry.headDim];
  const size = tokens * geometry.kvHeads * geometry.headDim;
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return tensor(Float32Array.from({ length: size }, normal), shape, { device });
}

function takeIn(model: CausalLM, state: SequenceState, ids: readonly number[]): void {
  for (let start = 0; start < ids.length; start += 64) {
    const tokenIds = ids.slice(start, start + 64);
    model.forward([{ state, tokenIds, logits: "none" }]).dispose();
  }
}

function step(model: CausalLM, state: SequenceState, tokenId: number): void {
  using logits = model.forward([{ state, tokenIds: [tokenId] }]);
  using best = argmax(logits);
  best.dataSync();
}

function timed(run: () => void): number {
  const startedAt = performance.now();
  run();
  return performance.now() - startedAt;
}

function row(
  name: string,
  unit: string,
  ours: number,
  peer: { readonly figure: number; readonly name: string },
): BenchRow {
  return {
    suite: "kvcache",
    case: name,
    unit,
    ours,
    peer: peer.figure,
    peerName: peer.name,
    // Lower is better in all of these.
    ratio: peer.figure / ours,
    threads: 1,
    node: process.version,
  };
}
