import { assertSizes } from "./checks";

/** How an element is stored, for {@link kvBytes}. */
export type KVDType = "float32" | "float16" | "bfloat16" | "float8" | "int8" | "int4" | "int2";

/** A model and its use, for {@link kvBytes}. */
export interface KVBytesOptions {
  readonly layers: number;
  /** `Hkv`: key/value heads, fewer than query heads in grouped-query attention. */
  readonly kvHeads: number;
  /** `D`: elements of a head. */
  readonly headDim: number;
  /** Tokens of a sequence. */
  readonly tokens: number;
  /** Sequences held at once. Default 1. */
  readonly sequences?: number;
  /** Default `float32`. */
  readonly dtype?: KVDType;
  /** Entries that a layer keeps at most: window and sinks together. Default: all. */
  readonly maxEntries?: number;
  /** Layers that keep `maxEntries` only. Default: all. */
  readonly boundedLayers?: number;
  /** Tokens of a block; sequences take whole blocks. Default 1. */
  readonly blockSize?: number;
  /** Integers only: tokens that share a scale of a key channel. Default 32. */
  readonly groupSize?: number;
  /** Integers only: channels that share a scale of a value. Default `min(D, 64)`. */
  readonly valueGroup?: number;
  /** Integers only: newest tokens kept in float32. Default 0. */
  readonly residual?: number;
}

const bits: Readonly<Record<KVDType, number>> = {
  float32: 32,
  float16: 16,
  bfloat16: 16,
  float8: 8,
  int8: 8,
  int4: 4,
  int2: 2,
};

/**
 * Bytes that keys and values take: `2 · layers · Hkv · D · tokens · bytes per element`, with what
 * windows, blocks and scales change about it.
 *
 * @throws {CacheError} when a size is not an integer in range.
 *
 * @example
 * ```ts
 * kvBytes({ layers: 30, kvHeads: 3, headDim: 64, tokens: 2048 }); // 94,371,840: SmolLM2-135M
 * kvBytes({ layers: 80, kvHeads: 8, headDim: 128, tokens: 131_072, dtype: "float16" }); // 42.9 GB: Llama 3 70B
 * ```
 */
export function kvBytes({
  layers,
  kvHeads,
  headDim,
  tokens,
  sequences = 1,
  dtype = "float32",
  maxEntries = tokens,
  boundedLayers = layers,
  blockSize = 1,
  groupSize = 32,
  valueGroup = Math.min(headDim, 64),
  residual = 0,
}: KVBytesOptions): number {
  assertSizes("kvBytes", { layers, kvHeads, headDim, sequences, blockSize, groupSize, valueGroup });
  assertSizes("kvBytes", { tokens, maxEntries, boundedLayers, residual }, 0);
  const ofLayer = (entries: number) => {
    const kept = Math.ceil(entries / blockSize) * blockSize;
    const inFull = dtype.startsWith("int") ? Math.min(residual, kept) : 0;
    const packed = kept - inFull;
    const codes = (2 * packed * headDim * bits[dtype]) / 8;
    // A scale and a minimum in float32 per group.
    const keyScales = 8 * headDim * Math.ceil(packed / groupSize);
    const valueScales = 8 * packed * Math.ceil(headDim / valueGroup);
    const scales = dtype.startsWith("int") ? keyScales + valueScales : 0;
    return kvHeads * (codes + scales + 2 * inFull * headDim * 4);
  };
  const bounded = Math.min(boundedLayers, layers);
  const perSequence =
    bounded * ofLayer(Math.min(tokens, maxEntries)) + (layers - bounded) * ofLayer(tokens);
  return sequences * perSequence;
}
