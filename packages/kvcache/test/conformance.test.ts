import { createDevice, type Device, type Tensor, tensor, tidy } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  boundedStore,
  type CacheStore,
  dynamicStore,
  hostMemory,
  KVCache,
  offloadedStore,
  PagedPool,
  pagedStore,
  quantizedStore,
  type SequenceId,
  sinkStore,
  slidingStore,
  staticStore,
} from "../src/index";
import { fileTarget } from "../src/node";
import { packedMemoryOf } from "../src/quantized/packed-memory";
import {
  BoundedModel,
  FullModel,
  forkPaged,
  type LayerModel,
  type PagedModel,
  PoolModel,
  pagedModels,
  QuantizedModel,
  type Token,
  WindowModel,
} from "./support/layer-model";
import { Random } from "./support/random";

const sizes = { kvHeads: 2, headDim: 4 };
const layers = 2;
const width = sizes.kvHeads * sizes.headDim;
/** Random histories for each store. */
const histories = 10_000;

/** A store beside the plain definition of what it must hold. */
interface Subject {
  readonly store: CacheStore | ((layer: number) => CacheStore);
  /** The layers of an empty sequence. */
  models(): LayerModel[];
  /** What a fork of these layers must hold. */
  fork?(models: LayerModel[]): LayerModel[];
  /** What the view shows of a key, when it is not the key itself. */
  readonly shownKey?: (key: number, rank: number, layer: number) => number;
  /** Bytes beside the device's. */
  readonly offloaded?: (models: readonly LayerModel[]) => number;
  /** Called when all sequences are gone. */
  finish?(): void;
}

const each = (model: () => LayerModel) => () => Array.from({ length: layers }, model);

const subjects: Record<string, (device: Device) => Subject> = {
  dynamic: () => ({
    store: dynamicStore({ initialCapacity: 8 }),
    models: each(() => new FullModel(sizes, 8)),
  }),
  static: () => ({
    store: staticStore({ maxTokens: 320 }),
    models: each(() => new FullModel(sizes, 320, 320)),
  }),
  sliding: () => ({
    store: slidingStore({ window: 24 }),
    models: each(() => new WindowModel(sizes, 0, 24)),
  }),
  sinks: () => ({
    store: sinkStore({ sinks: 3, window: 21 }),
    models: each(() => new WindowModel(sizes, 3, 21)),
    shownKey: (key, rank) => key + 1024 * rank,
  }),
  bounded: () => ({
    store: boundedStore({ maxTokens: 40 }),
    models: each(() => new BoundedModel(sizes, 40)),
  }),
  "quantized to 8 bits": () => quantizedSubject(8),
  "quantized to 4 bits": () => quantizedSubject(4),
  "quantized to 2 bits": () => quantizedSubject(2),
  paged: (device) => {
    const pool = new PagedPool({ device, layers, ...sizes, blocks: 96, blockSize: 8 });
    const counted = new PoolModel(sizes, 96, 8, layers);
    return {
      store: pagedStore({ pool }),
      models: () => pagedModels(counted),
      fork: (models) => forkPaged(models as PagedModel[]),
      finish: () => {
        expect(pool.freeBlocks).toBe(95);
        pool.dispose();
      },
    };
  },
  "offloaded to the host": () => ({
    store: offloadedStore({ target: hostMemory() }),
    ...offloadedModels(0),
  }),
  "offloaded to files": () => {
    const target = fileTarget();
    return {
      store: offloadedStore({ target, residentLayers: 1 }),
      ...offloadedModels(1),
      finish: () => target.close(),
    };
  },
  "a hybrid of sliding and dynamic": () => {
    const [wide, narrow] = [dynamicStore({ initialCapacity: 8 }), slidingStore({ window: 16 })];
    return {
      store: (layer) => (layer === 0 ? narrow : wide),
      models: () => [new WindowModel(sizes, 0, 16), new FullModel(sizes, 8)],
    };
  },
};

function quantizedSubject(bits: 8 | 4 | 2): Subject {
  const settings = { bits, groupSize: 8, residual: 16, valueGroup: 4 } as const;
  return {
    store: quantizedStore(settings),
    models: each(() => new QuantizedModel({ ...sizes, ...settings })),
  };
}

function offloadedModels(resident: number): Pick<Subject, "models" | "offloaded"> {
  const isCold = (layer: number) => layer >= resident;
  const model = (layer: number) => {
    const full = new FullModel(sizes, 64);
    const fork = full.fork;
    if (isCold(layer)) full.bytes = () => 0;
    full.fork = function forkCold(this: FullModel) {
      const copy = fork.call(this);
      if (isCold(layer)) copy.bytes = () => 0;
      copy.fork = forkCold;
      return copy;
    };
    return full;
  };
  return {
    models: () => Array.from({ length: layers }, (_, layer) => model(layer)),
    offloaded: (models) =>
      models.reduce((sum, { length }, layer) => sum + (isCold(layer) ? length * width * 8 : 0), 0),
  };
}

/** Whole numbers, so that a key and its rank add up exactly. */
function makeTokens(random: Random, start: number, count: number): Token[] {
  const row = () => {
    const numbers = new Float32Array(width);
    for (let column = 0; column < width; column++) numbers[column] = random.integer(-500, 500);
    return numbers;
  };
  return Array.from({ length: count }, (_, index) => ({
    position: start + index,
    keys: row(),
    values: row(),
  }));
}

/** Stands in for a rotary embedding: adds 1024 times the position. */
function addPositions(keys: Tensor, positions: Int32Array): Tensor {
  const shifted = Float32Array.from(
    keys.dataSync(),
    (key, index) => key + 1024 * positions[Math.floor(index / width)]!,
  );
  return tensor(shifted, keys.shape, { device: keys.device });
}

/** `expect` takes longer than what is tested here, so the inner loops compare by hand. */
function mustEqual<Value>(what: string, actual: Value, expected: Value): void {
  if (actual !== expected) expect.fail(`${what}: ${actual} instead of ${expected}`);
}

function mustRefuse(message: RegExp, call: () => void): void {
  try {
    call();
  } catch (error) {
    if (message.test((error as Error).message)) return;
    throw error;
  }
  expect.fail(`nothing was thrown instead of ${message}`);
}

class History {
  readonly #random: Random;
  readonly #device: Device;
  readonly #subject: Subject;
  readonly cache: KVCache;
  #models = new Map<SequenceId, LayerModel[]>();

  constructor(seed: number, device: Device, subject: Subject) {
    this.#random = new Random(seed);
    this.#device = device;
    this.#subject = subject;
    const { store } = subject;
    this.cache = new KVCache({ device, layers, ...sizes, store, rotateKeys: addPositions });
  }

  run(): void {
    const steps = this.#random.integer(1, 6);
    this.#add();
    for (let step = 0; step < steps; step++) {
      tidy(() => {
        this.#step();
        this.check();
      });
    }
    this.cache.reset();
    for (const models of this.#models.values()) for (const model of models) model.reset();
    mustEqual("bytes at the end", this.cache.bytes, 0);
  }

  #step(): void {
    const ids = this.cache.sequences;
    const id = this.#random.pick(ids);
    const kind = this.#random.integer(0, 11);
    if (kind < 5) this.#append(id);
    else if (kind === 5) this.#crop(id);
    else if (kind === 6 && ids.length < 3) this.#forkOne(id);
    else if (kind === 7) this.#reorder(ids);
    else if (kind === 8 && ids.length > 1) this.#select(ids);
    else if (kind === 9) this.#resetOne(id);
    else if (kind === 10) this.#keepSome(id);
    else if (ids.length < 3) this.#add();
  }

  #add(): void {
    this.#models.set(this.cache.add(), this.#subject.models());
  }

  #append(id: SequenceId): void {
    const models = this.#models.get(id)!;
    const { length } = models[0]!;
    const isLong = this.#random.integer(0, 29) === 0;
    const count = this.#random.integer(1, isLong ? 300 : 12);
    for (const [layer, model] of models.entries()) {
      const tokens = makeTokens(this.#random, length, count);
      const shape = [count, sizes.kvHeads, sizes.headDim];
      const join = (rows: Float32Array[]) => {
        const flat = new Float32Array(count * width);
        for (const [index, values] of rows.entries()) flat.set(values, index * width);
        return tensor(flat, shape, { device: this.#device });
      };
      using keys = join(tokens.map((token) => token.keys));
      using values = join(tokens.map((token) => token.values));
      const refusal = model.refusal(count);
      if (refusal !== undefined) {
        mustRefuse(refusal, () => this.cache.append(id, layer, keys, values));
        return;
      }
      this.cache.append(id, layer, keys, values);
      model.append(tokens);
    }
  }

  #crop(id: SequenceId): void {
    const models = this.#models.get(id)!;
    const length = this.#random.integer(0, models[0]!.length);
    if (models.every((model) => model.canCrop(length))) {
      this.cache.crop(id, length);
      for (const model of models) model.crop(length);
    } else {
      mustRefuse(/older ones were dropped/, () => this.cache.crop(id, length));
    }
  }

  #forkOne(id: SequenceId): void {
    this.#models.set(this.cache.fork(id), this.#forkModels(id));
  }

  #reorder(ids: readonly SequenceId[]): void {
    const order = Array.from({ length: this.#random.integer(1, 3) }, () => this.#random.pick(ids));
    const next = this.cache.reorder(order);
    const models = new Map<SequenceId, LayerModel[]>();
    for (const [index, id] of order.entries()) {
      const isFirst = order.indexOf(id) === index;
      if (isFirst !== (next[index] === id)) expect.fail(`reorder ${order} gave ${next}`);
      models.set(next[index]!, isFirst ? this.#models.get(id)! : this.#forkModels(id));
    }
    this.#forget(new Set(models.keys()));
    this.#models = models;
  }

  #select(ids: readonly SequenceId[]): void {
    const chosen = ids.filter(() => this.#random.uniform() < 0.6).toReversed();
    if (chosen.length === 0) return;
    this.cache.select(chosen);
    this.#forget(new Set(chosen));
    this.#models = new Map(chosen.map((id) => [id, this.#models.get(id)!]));
  }

  #resetOne(id: SequenceId): void {
    this.cache.sequence(id).reset();
    for (const model of this.#models.get(id)!) model.reset();
  }

  #keepSome(id: SequenceId): void {
    const cache = this.cache.sequence(id);
    for (const [layer, model] of this.#models.get(id)!.entries()) {
      const held = model.entries().length;
      const share = this.#random.uniform();
      const indexes = Array.from({ length: held }, (_, index) => index).filter(
        () => this.#random.uniform() < share,
      );
      if (model.keepEntries === undefined) {
        mustRefuse(/use boundedStore/, () => cache.keepEntries(layer, indexes));
      } else {
        cache.keepEntries(layer, indexes);
        model.keepEntries(indexes);
      }
    }
  }

  #forkModels(id: SequenceId): LayerModel[] {
    const models = this.#models.get(id)!;
    return this.#subject.fork?.(models) ?? models.map((model) => model.fork());
  }

  #forget(kept: ReadonlySet<SequenceId>): void {
    for (const [id, models] of this.#models) {
      if (!kept.has(id)) for (const model of models) model.reset();
    }
  }

  /** Compares everything with the plain arrays. */
  check(): void {
    mustEqual("sequences", this.cache.sequences.join(), [...this.#models.keys()].join());
    let bytes = 0;
    let offloaded = 0;
    for (const [id, models] of this.#models) {
      for (const [layer, model] of models.entries()) {
        this.#checkLayer(id, layer, model);
        bytes += model.bytes();
      }
      offloaded += this.cache.sequence(id).offloadedBytes;
      offloaded -= this.#subject.offloaded?.(models) ?? 0;
    }
    mustEqual("bytes", this.cache.bytes, Math.round(bytes));
    mustEqual("offloaded bytes beyond those expected", offloaded, 0);
  }

  #checkLayer(id: SequenceId, layer: number, model: LayerModel): void {
    const cache = this.cache.sequence(id);
    const entries = model.entries();
    mustEqual("length", cache.length(layer), model.length);
    mustEqual("held entries", cache.held(layer), entries.length);
    const slots = cache.positions(layer);
    const order = slots.map((_, slot) => slot).sort((left, right) => slots[left]! - slots[right]!);
    const views = cache.view(layer);
    const [keys, values] = [views.keys.dataSync(), views.values.dataSync()];
    views.keys.dispose();
    views.values.dispose();
    const { headDim } = sizes;
    const held = entries.length;
    const show = this.#subject.shownKey ?? ((key: number) => key);
    let wrong = 0;
    for (const [rank, entry] of entries.entries()) {
      const slot = order[rank]!;
      if (slots[slot] !== entry.position) wrong++;
      for (let column = 0; column < width; column++) {
        const head = Math.floor(column / headDim);
        const at = (head * held + slot) * headDim + (column % headDim);
        // Rounding to float32 is all that may differ.
        const expectedKey = show(entry.keys[column]!, rank, layer);
        if (!(Math.abs(keys[at]! - expectedKey) <= 1e-4)) wrong++;
        if (!(Math.abs(values[at]! - entry.values[column]!) <= 1e-4)) wrong++;
      }
    }
    if (wrong > 0 || keys.length !== held * width) {
      expect.fail(`sequence ${id}, layer ${layer}: ${wrong} of ${held} entries are wrong`);
    }
  }
}

describe.each(Object.entries(subjects))("a store that is %s", (_name, makeSubject) => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("wasm");
  });
  afterAll(() => device.dispose());

  it(`holds what plain arrays hold, in ${histories} random histories`, () => {
    const subject = makeSubject(device);
    const before = device.memory();
    for (let seed = 0; seed < histories; seed++) {
      try {
        new History(seed, device, subject).run();
      } catch (error) {
        throw new Error(`history ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
    const after = device.memory();
    expect([after.tensors, after.bytes]).toEqual([before.tensors, before.bytes]);
    subject.finish?.();
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
    expect(packedMemoryOf(device).usedBytes).toBe(0);
  });
});
