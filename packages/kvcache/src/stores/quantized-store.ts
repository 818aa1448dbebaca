import { bytesOf, contiguous, empty, type Tensor, tensor } from "@x/tensor";
import { assertSizes } from "../checks";
import { disposableViews, positionRange } from "../contiguous-rows";
import { CacheError, CacheFileError } from "../errors";
import {
  type CacheStore,
  type CacheViews,
  type ForkableLayer,
  independentLayers,
  type LayerGeometry,
  type LayerSnapshot,
} from "../layer-store";
import { type AttentionKernel, attentionKernelOf } from "../quantized/attention-kernel";
import { type BlockShape, blockLayout } from "../quantized/block-layout";
import type { QuantizedBits } from "../quantized/codes";
import { PackedBlock } from "../quantized/packed-block";
import { type PackedMemory, packedMemoryOf } from "../quantized/packed-memory";
import { ResidualRows } from "../quantized/residual-rows";

/** Settings of {@link quantizedStore}. */
export interface QuantizedStoreOptions {
  /** Bits of an element: 8, 4 or 2. */
  readonly bits: QuantizedBits;
  /**
   * Tokens that share a scale per channel of the keys, even. Default 64 for 8 bits, for speed, else
   * 32.
   */
  readonly groupSize?: number;
  /** Newest tokens that stay in float32 at least. Default 128. */
  readonly residual?: number;
  /** Channels of a value that share a scale. Default: the largest divisor of `D` up to 64. */
  readonly valueGroup?: number;
}

/**
 * Keeps older tokens in 8, 4 or 2 bits (KIVI: Liu et al. 2024, arXiv 2402.02750). Keys have few
 * channels of large size, so each channel has a scale of its own, over `groupSize` tokens; values
 * have a scale per token. The newest tokens stay in float32; `groupSize` of them are packed together
 * when there are `residual + groupSize`, and never again after that.
 *
 * Bytes of a packed block in a layer: `Hkv · (2 · G · D · bits / 8 + 8 · D + 8 · G · D / valueGroup)`;
 * of the rest: `8 · Hkv · D · (residual + G)`.
 *
 * A device whose memory the host does not see cannot use this store.
 *
 * @throws {CacheError} when a setting is out of range, or does not divide the head.
 */
export function quantizedStore({
  bits,
  groupSize = bits === 8 ? 64 : 32,
  residual = 128,
  valueGroup,
}: QuantizedStoreOptions): CacheStore {
  assertSizes("quantizedStore", { groupSize });
  assertSizes("quantizedStore", { residual }, 0);
  if (![8, 4, 2].includes(bits)) {
    throw new CacheError(`quantizedStore: bits is ${bits}; use 8, 4 or 2`, { bits });
  }
  if (groupSize % 2 !== 0) {
    throw new CacheError(`quantizedStore: groupSize is ${groupSize}; use an even number`, {
      groupSize,
    });
  }
  return {
    description: `quantized(${bits} bits, groups of ${groupSize}, ${residual} in full)`,
    open: (geometry, layers) => {
      const { kvHeads, headDim } = geometry;
      const shape: BlockShape = {
        kvHeads,
        headDim,
        bits,
        groupSize,
        valueGroup: valueGroup ?? largestDivisor(headDim, 64),
      };
      assertDivides(shape);
      const memory = packedMemoryOf(geometry.device);
      return independentLayers(
        Array.from({ length: layers }, () => new QuantizedLayer(geometry, memory, shape, residual)),
      );
    },
  };
}

function largestDivisor(value: number, limit: number): number {
  let divisor = Math.min(value, limit);
  while (value % divisor !== 0) divisor--;
  return divisor;
}

function assertDivides({ headDim, bits, valueGroup }: BlockShape): void {
  if ((headDim * bits) % 8 !== 0 || headDim % valueGroup !== 0) {
    throw new CacheError(
      `quantizedStore: a head of ${headDim} does not split into whole bytes of ${bits} bits and groups of ${valueGroup}; use more bits or another valueGroup`,
      { headDim, bits, valueGroup },
    );
  }
}

/** Channels up to which the kernel's sums of 16-bit products stay within 32 bits. */
const widestHead = 256;

/** A packed block and how many of its tokens count: a crop can end within a block. */
interface Piece {
  readonly block: PackedBlock;
  readonly tokens: number;
}

class QuantizedLayer implements ForkableLayer {
  readonly #geometry: LayerGeometry;
  readonly #memory: PackedMemory;
  readonly #shape: BlockShape;
  readonly #residual: number;
  readonly #rows: ResidualRows;
  #pieces: Piece[] = [];
  #packed = 0;

  constructor(geometry: LayerGeometry, memory: PackedMemory, shape: BlockShape, residual: number) {
    this.#geometry = geometry;
    this.#memory = memory;
    this.#shape = shape;
    this.#residual = residual;
    this.#rows = new ResidualRows(memory, shape, residual + shape.groupSize);
  }

  get length(): number {
    return this.#packed + this.#rows.length;
  }

  get held(): number {
    return this.length;
  }

  get bytes(): number {
    const share = ({ block }: Piece) => block.layout.byteLength / block.owners;
    return this.#pieces.reduce((sum, piece) => sum + share(piece), 0) + this.#rows.bytes;
  }

  update(keys: Tensor, values: Tensor): CacheViews {
    if (keys.dimension(0) === 1) {
      this.append(keys, values);
      return this.view();
    }
    // The tokens of a prompt see each other in full precision, whatever is packed afterwards.
    const [newKeys, newValues] = [readFloats(keys), readFloats(values)];
    const views = this.#unpack(newKeys, newValues);
    this.#append(newKeys, newValues);
    return views;
  }

  /** Straight from the codes, by a kernel that takes 8 and 4 bits and whole loads of channels. */
  attend(queries: Tensor, keys: Tensor, values: Tensor): Tensor | undefined {
    const { bits, headDim, valueGroup } = this.#shape;
    const { device } = this.#geometry;
    const channels = bits === 8 ? 8 : 16;
    const fits = bits !== 2 && headDim % channels === 0 && valueGroup % (channels / 2) === 0;
    const isExact = headDim <= widestHead && (device.name === "cpu" || device.name === "wasm");
    const kernel = fits && isExact ? attentionKernelOf(this.#memory) : undefined;
    if (kernel === undefined || queries.dimension(0) !== 1) return undefined;
    this.append(keys, values);
    return this.#attend(kernel, queries);
  }

  append(keys: Tensor, values: Tensor): void {
    this.#append(readFloats(keys), readFloats(values));
  }

  view(): CacheViews {
    return this.#unpack(new Float32Array(), new Float32Array());
  }

  positions(): Int32Array {
    return positionRange(0, this.length);
  }

  canCrop(): boolean {
    return true;
  }

  crop(length: number): void {
    if (length >= this.length) return;
    this.#rows.truncate(Math.max(0, length - this.#packed));
    const kept: Piece[] = [];
    let start = 0;
    for (const { block, tokens } of this.#pieces) {
      const left = Math.min(tokens, length - start);
      if (left > 0) kept.push({ block, tokens: left });
      else block.release();
      start += tokens;
    }
    this.#pieces = kept;
    this.#packed = Math.min(this.#packed, length);
  }

  fork(): QuantizedLayer {
    const fork = new QuantizedLayer(this.#geometry, this.#memory, this.#shape, this.#residual);
    fork.#rows.copyFrom(this.#rows);
    fork.#pieces = this.#pieces.map(({ block, tokens }) => ({ block: block.retain(), tokens }));
    fork.#packed = this.#packed;
    return fork;
  }

  /** Sections: tokens per block (int32), the float32 rows, then the blocks as they are. */
  snapshot(): LayerSnapshot {
    const counts = Int32Array.from(this.#pieces, ({ tokens }) => tokens);
    return {
      format: "packed",
      length: this.length,
      positions: [],
      sections: [
        new Uint8Array(counts.buffer),
        this.#rows.save(),
        ...this.#pieces.map(({ block }) => block.bytes.slice()),
      ],
    };
  }

  restore({ sections }: LayerSnapshot): void {
    const [counts = new Uint8Array(), rows = new Uint8Array(), ...blocks] = sections;
    const tokens = new Int32Array(counts.slice().buffer);
    const { byteLength } = blockLayout(this.#shape);
    const isWhole =
      tokens.length === blocks.length &&
      tokens.every((count) => count >= 1 && count <= this.#shape.groupSize) &&
      blocks.every((block) => block.length === byteLength) &&
      this.#rows.takes(rows);
    if (!isWhole) throw new CacheFileError("the saved cache is damaged; compute the prompt again");
    this.#rows.load(rows);
    for (const [index, bytes] of blocks.entries()) {
      const block = new PackedBlock(this.#memory, this.#shape);
      block.bytes.set(bytes);
      this.#pieces.push({ block, tokens: tokens[index] ?? 0 });
    }
    this.#packed = tokens.reduce((sum, count) => sum + count, 0);
  }

  reset(): void {
    for (const { block } of this.#pieces) block.release();
    this.#pieces = [];
    this.#packed = 0;
    this.#rows.reset();
  }

  #attend(kernel: AttentionKernel, queries: Tensor): Tensor {
    const { kvHeads, headDim, bits, groupSize, valueGroup } = this.#shape;
    const heads = queries.dimension(1);
    const blocks = this.#pieces.length;
    const size = 4 * heads * headDim;
    const tableBytes = 8 * blocks;
    const scratchBytes = kernel.attendScratchBytes(blocks, groupSize, this.#rows.length, headDim);
    // Few different sizes, so that the memory of one step serves the next.
    const byteLength = 2 ** Math.ceil(Math.log2(2 * size + tableBytes + 16 + scratchBytes));
    const query = this.#memory.allocate(byteLength);
    const [out, table] = [query + size, query + 2 * size];
    const scratch = table + Math.ceil(tableBytes / 16) * 16;
    const scale = 1 / Math.sqrt(headDim);
    const target = this.#memory.floats(query, heads * headDim);
    using dense = contiguous(queries);
    const source = bytesOf(dense);
    new Uint8Array(target.buffer, query, size).set(source);
    for (let index = 0; index < target.length; index++)
      target[index] = (target[index] ?? 0) * scale;
    const entries = new Int32Array(target.buffer, table, 2 * blocks);
    for (const [index, { block, tokens }] of this.#pieces.entries()) {
      entries[2 * index] = block.offset;
      entries[2 * index + 1] = tokens;
    }
    kernel.attend(
      query,
      heads,
      kvHeads,
      headDim,
      bits,
      groupSize,
      valueGroup,
      table,
      blocks,
      this.#rows.offset,
      this.#rows.capacity,
      this.#rows.length,
      scratch,
      out,
    );
    const output = empty([1, heads * headDim], { device: this.#geometry.device });
    bytesOf(output).set(this.#memory.bytes(out, size));
    this.#memory.free(query, byteLength);
    return output;
  }

  /** Takes in `[T, Hkv, D]` and packs what is no longer recent. */
  #append(keys: Float32Array, values: Float32Array): void {
    const { kvHeads, headDim, groupSize } = this.#shape;
    const tokens = keys.length / (kvHeads * headDim);
    for (let start = 0; start < tokens; ) {
      const count = Math.min(tokens - start, this.#rows.room);
      this.#rows.append(keys, values, start, count);
      start += count;
      if (this.#rows.room > 0) continue;
      const block = new PackedBlock(this.#memory, this.#shape);
      block.packKeys(this.#rows.keys());
      block.packValues(this.#rows.values());
      this.#rows.dropFirst(groupSize);
      this.#pieces.push({ block, tokens: groupSize });
      this.#packed += groupSize;
    }
  }

  /** All tokens and the new ones, `[T, Hkv, D]`, as tensors in float32. */
  #unpack(newKeys: Float32Array, newValues: Float32Array): CacheViews & Disposable {
    const { kvHeads, headDim } = this.#shape;
    const added = newKeys.length / (kvHeads * headDim);
    const total = this.length + added;
    const keys = new Float32Array(kvHeads * total * headDim);
    const values = new Float32Array(kvHeads * total * headDim);
    let start = 0;
    for (const { block, tokens } of this.#pieces) {
      block.unpackKeys(tokens, { elements: keys, capacity: total, start });
      block.unpackValues(tokens, { elements: values, capacity: total, start });
      start += tokens;
    }
    this.#rows.copyTo(keys, values, { capacity: total, start });
    start += this.#rows.length;
    for (let token = 0; token < added; token++) {
      for (let head = 0; head < kvHeads; head++) {
        const from = (token * kvHeads + head) * headDim;
        const to = (head * total + start + token) * headDim;
        keys.set(newKeys.subarray(from, from + headDim), to);
        values.set(newValues.subarray(from, from + headDim), to);
      }
    }
    const { device } = this.#geometry;
    const shape = [kvHeads, total, headDim];
    return disposableViews(tensor(keys, shape, { device }), tensor(values, shape, { device }));
  }
}

function readFloats(source: Tensor): Float32Array {
  return source.dataSync() as Float32Array;
}
