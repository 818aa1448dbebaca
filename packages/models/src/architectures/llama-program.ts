import { type Device, empty, KernelProgram, keep, type Tensor } from "@x/tensor";
import type { PagedCache, PagedCacheOptions, SequenceChunk, SequenceState } from "../causal-lm";
import { ContiguousState } from "./contiguous-state";
import { type IntegerTable, integerTable } from "./integer-table";
import type { LlamaConfig } from "./llama-config";
import type { LlamaWeights } from "./llama-weights";
import { PagedPool } from "./paged-pool";
import type { ProgramState } from "./program-state";
import type { RotaryTables } from "./rotary-tables";
import { SequenceBuffers } from "./sequence-buffers";

/** Rows computed at once; more go in several passes, so that the workspace stays the same. */
const mostRows = 128;

/** Consecutive tokens of a chunk that go into one pass. */
interface Piece {
  readonly state: ProgramState;
  readonly tokenIds: ArrayLike<number>;
  /** Tokens of the chunk from `begin` to `end`. */
  readonly begin: number;
  readonly end: number;
  /** First token of the chunk whose logits are asked for. */
  readonly firstLogit: number;
}

/**
 * A Llama's forward pass as prepared programs: buffers and addresses are fixed, and a step writes
 * only a few tables before everything runs. The general path in `llama.ts` defines the result.
 */
export class LlamaProgram {
  readonly #config: LlamaConfig;
  readonly #device: Device;
  readonly #weights: LlamaWeights;
  readonly #rotary: RotaryTables;
  readonly #layers: KernelProgram;
  readonly #head: KernelProgram;
  readonly #buffers: ReturnType<typeof workspace>;
  readonly #ids: IntegerTable;
  readonly #logitRows: IntegerTable;
  readonly #rowTable: IntegerTable;
  readonly #blockTable: IntegerTable;
  readonly #cacheTables: readonly IntegerTable[];
  /** The state and revision that each row of the cache tables describes. */
  readonly #described: { state: ProgramState | undefined; revision: number }[];
  #preparedRows = 0;
  #preparedBlocks = 0;

  private constructor(
    config: LlamaConfig,
    weights: LlamaWeights,
    rotary: RotaryTables,
    device: Device,
    programs: { layers: KernelProgram; head: KernelProgram },
  ) {
    this.#config = config;
    this.#device = device;
    this.#weights = weights;
    this.#rotary = rotary;
    this.#layers = programs.layers;
    this.#head = programs.head;
    this.#buffers = workspace(config, device);
    const table = (...shape: number[]): IntegerTable => integerTable(device, shape);
    this.#ids = table(mostRows);
    this.#logitRows = table(mostRows);
    this.#rowTable = table(mostRows, 2);
    this.#blockTable = table(mostRows, 4);
    this.#cacheTables = weights.layers.map(() => table(mostRows, 4));
    this.#described = Array.from({ length: mostRows }, () => ({ state: undefined, revision: 0 }));
  }

  /** The programs of a model, or `undefined` where the device has no kernels for them. */
  static create(
    config: LlamaConfig,
    weights: LlamaWeights,
    rotary: RotaryTables,
    device: Device,
  ): LlamaProgram | undefined {
    const { hiddenSize, heads, headDim, feedForwardSize, contextLength } = config;
    if (headDim % 4 !== 0) return undefined;
    const columns = Math.max(hiddenSize, heads * headDim, feedForwardSize);
    const limits = { rows: mostRows, columns, keys: contextLength, headDim };
    const layers = KernelProgram.create(device, limits);
    const head = KernelProgram.create(device, { ...limits, columns: hiddenSize, keys: 1 });
    if (layers === undefined || head === undefined) return undefined;
    return new LlamaProgram(config, weights, rotary, device, { layers, head });
  }

  /** An empty state for a new sequence. */
  createState(): SequenceState {
    return new ContiguousState(new SequenceBuffers(this.#device, this.#config));
  }

  /** See `CausalLM.createPagedCache`. */
  createPagedCache(options: PagedCacheOptions): PagedCache {
    return new PagedPool(this.#device, this.#config, options);
  }

  /**
   * As `CausalLM.forward`, for a batch that was checked and whose states are this program's.
   *
   * @returns Logits, float32 `[R, V]`.
   */
  forward(batch: readonly SequenceChunk[]): Tensor {
    const logitCount = batch.reduce(
      (sum, chunk) => sum + chunk.tokenIds.length - firstLogit(chunk),
      0,
    );
    const logits = empty([logitCount, this.#config.vocabularySize], { device: this.#device });
    try {
      let done = 0;
      for (const pieces of passes(batch)) done += this.#pass(pieces, logits, done);
      return logits;
    } catch (error) {
      logits.dispose();
      throw error;
    }
  }

  /** Runs one pass. @returns the rows of logits that it wrote, from row `done`. */
  #pass(pieces: readonly Piece[], logits: Tensor, done: number): number {
    for (const { state, begin, end } of pieces) state.reserve(end - begin);
    const { rows, blocks, logitRows } = this.#writeTables(pieces);
    if (rows !== this.#preparedRows || blocks !== this.#preparedBlocks) {
      this.#prepareLayers(rows, blocks);
    }
    this.#layers.run();
    if (logitRows > 0) this.#runHead(logits, done, logitRows);
    for (const { state, begin, end } of pieces) state.advance(end - begin);
    return logitRows;
  }

  #writeTables(pieces: readonly Piece[]): { rows: number; blocks: number; logitRows: number } {
    let rows = 0;
    let blocks = 0;
    let logitRows = 0;
    for (const [sequence, { state, tokenIds, begin, end, firstLogit }] of pieces.entries()) {
      this.#describe(state, sequence);
      for (let index = begin; index < end; index++) {
        const position = state.length + index - begin;
        const row = rows + index - begin;
        this.#ids.values[row] = tokenIds[index] ?? 0;
        this.#rowTable.values[row * 2] = position;
        this.#rowTable.values[row * 2 + 1] = sequence;
        if (index >= firstLogit) this.#logitRows.values[logitRows++] = row;
      }
      for (let index = begin; index < end; index += KernelProgram.blockRows) {
        const table = this.#blockTable.values;
        table[blocks * 4] = rows + index - begin;
        table[blocks * 4 + 1] = Math.min(KernelProgram.blockRows, end - index);
        table[blocks * 4 + 2] = sequence;
        table[blocks * 4 + 3] = state.length + index - begin;
        blocks++;
      }
      rows += end - begin;
    }
    return { rows, blocks, logitRows };
  }

  #describe(state: ProgramState, sequence: number): void {
    const described = this.#described[sequence];
    const { revision } = state;
    if (described?.state === state && described.revision === revision) return;
    for (const [layer, { values }] of this.#cacheTables.entries()) {
      state.describe(layer, values, sequence);
    }
    this.#described[sequence] = { state, revision };
  }

  #prepareLayers(rows: number, blocks: number): void {
    const { kvHeads, headDim, normEpsilon: epsilon } = this.#config;
    const { hidden, normed, queries, keys, values, attended, projected, gate, up } = this.#buffers;
    const program = this.#layers;
    program.clear();
    program.embedding(this.#weights.embedding, this.#ids.tensor, hidden, { rows });
    for (const [layer, weights] of this.#weights.layers.entries()) {
      const cacheTable = this.#cacheTables[layer]?.tensor;
      if (cacheTable === undefined) continue;
      program.rmsNorm(hidden, weights.attentionNorm, normed, { rows, epsilon });
      program.linear(
        normed,
        [
          { weight: weights.query, output: queries },
          { weight: weights.key, output: keys },
          { weight: weights.value, output: values },
        ],
        { rows },
      );
      // GGUF files hold the query and key rows of Llama in the order of interleaved pairs.
      program.rotateIntoCache(
        {
          queries,
          keys,
          values,
          ...this.#rotary,
          rowTable: this.#rowTable.tensor,
          cacheTable,
          interleaved: true,
        },
        { rows },
      );
      program.attention({
        queries,
        output: attended,
        cacheTable,
        blockTable: this.#blockTable.tensor,
        blocks,
        kvHeads,
        scale: 1 / Math.sqrt(headDim),
      });
      program.linear(attended, [{ weight: weights.attentionOutput, output: projected }], { rows });
      program.add(hidden, projected, hidden, { rows });
      program.rmsNorm(hidden, weights.feedForwardNorm, normed, { rows, epsilon });
      program.linear(
        normed,
        [
          { weight: weights.gate, output: gate },
          { weight: weights.up, output: up },
        ],
        { rows },
      );
      program.siluMultiply(gate, up, gate, { rows });
      program.linear(gate, [{ weight: weights.down, output: projected }], { rows });
      program.add(hidden, projected, hidden, { rows });
    }
    program.prepare();
    this.#preparedRows = rows;
    this.#preparedBlocks = blocks;
  }

  /** Norm and output matrix for the rows whose logits are asked for. */
  #runHead(logits: Tensor, done: number, rows: number): void {
    const { hidden, normed } = this.#buffers;
    const program = this.#head;
    using output = logits.slice(0, done, done + rows);
    program.clear();
    program.embedding(hidden, this.#logitRows.tensor, normed, { rows });
    program.rmsNorm(normed, this.#weights.outputNorm, normed, {
      rows,
      epsilon: this.#config.normEpsilon,
    });
    program.linear(normed, [{ weight: this.#weights.head, output }], { rows });
    program.prepare();
    program.run();
  }
}

/** The activations of up to `mostRows` rows. */
function workspace(config: LlamaConfig, device: Device) {
  const { hiddenSize, heads, kvHeads, headDim, feedForwardSize } = config;
  const buffer = (...shape: number[]) => keep(empty([mostRows, ...shape], { device }));
  return {
    hidden: buffer(hiddenSize),
    normed: buffer(hiddenSize),
    queries: buffer(heads, headDim),
    keys: buffer(kvHeads, headDim),
    values: buffer(kvHeads, headDim),
    attended: buffer(heads, headDim),
    projected: buffer(hiddenSize),
    gate: buffer(feedForwardSize),
    up: buffer(feedForwardSize),
  };
}

/** First token of a chunk whose logits are asked for; its length when none is. */
function firstLogit({ tokenIds, logits = "last" }: SequenceChunk): number {
  if (logits === "all") return 0;
  return logits === "last" ? tokenIds.length - 1 : tokenIds.length;
}

/** Cuts a batch into passes of at most `mostRows` rows, in order. */
function* passes(batch: readonly SequenceChunk[]): Generator<readonly Piece[]> {
  let pieces: Piece[] = [];
  let rows = 0;
  for (const chunk of batch) {
    const { tokenIds } = chunk;
    const state = chunk.state as ProgramState;
    for (let begin = 0; begin < tokenIds.length; ) {
      const end = Math.min(tokenIds.length, begin + mostRows - rows);
      pieces.push({ state, tokenIds, begin, end, firstLogit: firstLogit(chunk) });
      rows += end - begin;
      begin = end;
      if (rows < mostRows) continue;
      yield pieces;
      pieces = [];
      rows = 0;
    }
  }
  if (pieces.length > 0) yield pieces;
}
