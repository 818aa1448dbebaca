import { type DType, OutOfRangeError, type Tensor } from "@x/tensor";
import { assertDType, assertShapes, runOperation } from "@x/tensor/kernels";
import { appendToCache, type NewTokens } from "./append-to-cache";
import type { DecodeAttributes } from "./decode-attributes";
import { decodeOperation } from "./decode-operation";
import type { FlashAttentionOptions, FlashAttentionResult } from "./flash-attention";
import { resolveWindow } from "./window";

/** Options of {@link flashDecode}. */
export interface FlashDecodeOptions
  extends Pick<FlashAttentionOptions, "scale" | "window" | "softcap" | "alibiSlopes" | "sinks"> {
  /** Each query sees the keys up to its own; the last query is the last key's. Default `true`. */
  readonly causal?: boolean;
  /** Tokens that the cache holds of each sequence, before `newKeys`. Default: all that it has room for. */
  readonly lengths?: ArrayLike<number>;
  /**
   * Blocks of each sequence, in order: keys and values are then pools `[blocks, blockSize, Hkv, D]`,
   * which are read in place.
   */
  readonly blockTables?: readonly ArrayLike<number>[];
  /** Keys to append to each sequence before it is attended to: float32 `[B, T', Hkv, D]`. */
  readonly newKeys?: Tensor;
  /** Values to append: float32 `[B, T', Hkv, Dv]`. */
  readonly newValues?: Tensor;
  /** Parts into which the keys of a sequence are split; the result does not depend on it. Default 1. */
  readonly splits?: number;
}

const name = "flashDecode";
const tileKeys = 64;

/**
 * Attention of the newest tokens of each sequence over its key/value cache, which may be paged, and
 * packed in one of the block formats: keys and values are read where they lie and unpacked tile by
 * tile (Dao et al. 2023, "Flash-Decoding"; Kwon et al. 2023, arXiv 2309.06180). No gradients.
 *
 * @param queries - float32 `[B, T, H, D]`: the last `T` tokens of each sequence.
 * @param keys - `[B, S, Hkv, D]`, or with `blockTables` a pool `[blocks, blockSize, Hkv, D]`; float32,
 * float16, `q8_0`, `q4_0` or `q4_1`.
 * @param values - Likewise, `Dv` for `D`, in the same dtype.
 * @returns float32 `[B, T, H, Dv]`.
 * @throws {OutOfRangeError} when a length exceeds the cache or the blocks of its table, or a table
 * names a block that the pool lacks. Nothing is appended then.
 *
 * @example
 * ```ts
 * using output = flashDecode(queries, keyPool, valuePool, {
 *   blockTables: [[7, 2], [0]],
 *   lengths: [17, 3],
 *   newKeys, // [2, 1, Hkv, D]: token 17 of the first sequence, token 3 of the second
 *   newValues,
 * });
 * ```
 */
export function flashDecode(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  options: FlashDecodeOptions = {},
): Tensor {
  const { output, logSumExp } = flashDecodeWithLogSumExp(queries, keys, values, options);
  logSumExp.dispose();
  return output;
}

/** As {@link flashDecode}, and gives the normalizers as well: float32 `[B, H, T]`. */
export function flashDecodeWithLogSumExp(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  options: FlashDecodeOptions = {},
): FlashAttentionResult {
  const { attributes, added } = decodeAttributes(queries, keys, values, options);
  if (added !== undefined) appendToCache(keys, values, added, attributes);
  const { alibiSlopes, sinks } = options;
  const optional = [alibiSlopes, sinks].filter((operand) => operand !== undefined);
  const inputs = [queries, keys, values, ...optional];
  const [output, logSumExp] = runOperation(decodeOperation, inputs, attributes);
  return { output, logSumExp } as FlashAttentionResult;
}

const cacheDTypes: readonly DType[] = ["float32", "float16", "q8_0", "q4_0", "q4_1"];

function decodeAttributes(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  options: FlashDecodeOptions,
): { attributes: DecodeAttributes; added: NewTokens | undefined } {
  assertDType(name, "queries", queries, "float32");
  assertDType(name, "keys", keys, ...cacheDTypes);
  assertDType(name, "values", values, keys.dtype);
  const { blockTables, newKeys, newValues, splits = 1, softcap = 0 } = options;
  const isPaged = blockTables !== undefined;
  const [batch = 0, tokens = 0, heads = 0, keySize = 0] = queries.shape;
  const [outer = 0, inner = 0, kvHeads = 0] = keys.shape;
  const valueSize = values.shape.at(-1) ?? 0;
  const fits =
    [queries, keys, values].every(({ rank }) => rank === 4) &&
    keys.dimension(3) === keySize &&
    keys.shape.slice(0, 3).every((size, axis) => size === values.shape[axis]) &&
    (isPaged || outer === batch) &&
    kvHeads > 0 &&
    keySize > 0 &&
    valueSize > 0 &&
    heads % kvHeads === 0;
  assertShapes(
    name,
    fits,
    isPaged
      ? "use queries [B, T, H, D] and pools [blocks, blockSize, Hkv, D], H a multiple of Hkv"
      : "use queries [B, T, H, D] and caches [B, S, Hkv, D], H a multiple of Hkv",
    queries,
    keys,
    values,
  );
  if (!Number.isInteger(splits) || splits < 1) {
    throw new OutOfRangeError(`${name}: splits is ${splits}; use 1 or more`, { splits });
  }
  if (options.softcap !== undefined && !(softcap > 0)) {
    throw new OutOfRangeError(`${name}: softcap is ${softcap}; use a number above 0, or none`, {
      softcap,
    });
  }
  assertOptional(options, batch, heads);
  const added = newTokens(newKeys, newValues, [batch, kvHeads, keySize, valueSize]);
  const table = isPaged ? flattenTables(blockTables, batch, outer) : undefined;
  const capacityOf = (index: number) =>
    isPaged ? (blockTables[index]?.length ?? 0) * inner : inner;
  const held =
    options.lengths ??
    Array.from({ length: batch }, (_, index) => capacityOf(index) - (added?.count ?? 0));
  const sequences = assertLengths(held, batch, added?.count ?? 0, capacityOf).map((keyLength) => ({
    ...{ queryStart: 0, queryLength: tokens, keyStart: 0 },
    keyLength,
  }));
  const attributes: DecodeAttributes = {
    layout: { ...{ batch, heads, kvHeads, keySize, valueSize, sequences }, isPacked: false },
    scale: options.scale ?? 1 / Math.sqrt(keySize),
    softcap,
    window: resolveWindow(options.causal ?? true, options.window),
    dropout: undefined,
    present: (["alibiSlopes", "sinks"] as const).filter(
      (operand) => options[operand] !== undefined,
    ),
    tile: { queries: Math.ceil(Math.max(1, (tokens * heads) / kvHeads) / 8) * 8, keys: tileKeys },
    blockTable: table?.blocks,
    blocksPerSequence: table?.width ?? 0,
    blockSize: isPaged ? inner : 0,
    splits,
  };
  return { attributes, added };
}

function assertOptional(
  { alibiSlopes, sinks }: FlashDecodeOptions,
  batch: number,
  heads: number,
): void {
  if (alibiSlopes !== undefined) {
    const fits =
      alibiSlopes.shape.at(-1) === heads &&
      (alibiSlopes.rank === 1 || (alibiSlopes.rank === 2 && alibiSlopes.shape[0] === batch));
    assertDType(name, "alibiSlopes", alibiSlopes, "float32");
    assertShapes(name, fits, "use slopes [H] or [B, H]", alibiSlopes);
  }
  if (sinks !== undefined) {
    assertDType(name, "sinks", sinks, "float32");
    assertShapes(name, sinks.rank === 1 && sinks.shape[0] === heads, "use sinks [H]", sinks);
  }
}

function newTokens(
  keys: Tensor | undefined,
  values: Tensor | undefined,
  [batch, kvHeads, keySize, valueSize]: readonly [number, number, number, number],
): NewTokens | undefined {
  if (keys === undefined && values === undefined) return undefined;
  if (keys === undefined || values === undefined) {
    throw new OutOfRangeError(`${name}: give newKeys and newValues together`);
  }
  const count = keys.shape[1] ?? 0;
  const isShaped = (tensor: Tensor, size: number) =>
    [batch, count, kvHeads, size].every((expected, axis) => tensor.shape[axis] === expected);
  const fits = keys.rank === 4 && values.rank === 4;
  assertDType(name, "newKeys", keys, "float32");
  assertDType(name, "newValues", values, "float32");
  assertShapes(
    name,
    fits && isShaped(keys, keySize) && isShaped(values, valueSize),
    "use newKeys [B, T', Hkv, D] and newValues [B, T', Hkv, Dv]",
    keys,
    values,
  );
  return { keys, values, count };
}

function flattenTables(
  tables: readonly ArrayLike<number>[],
  batch: number,
  blocks: number,
): { blocks: Int32Array; width: number } {
  if (tables.length !== batch) {
    throw new OutOfRangeError(
      `${name}: ${tables.length} block tables for ${batch} sequences; give one for each`,
      { tables: tables.length, batch },
    );
  }
  const width = tables.reduce((most, { length }) => Math.max(most, length), 0);
  const flat = new Int32Array(batch * width);
  for (const [index, table] of tables.entries()) {
    // A plain loop: the tables of long sequences have thousands of entries in each step.
    for (let at = 0; at < table.length; at++) {
      const block = table[at] ?? -1;
      if (!Number.isInteger(block) || block < 0 || block >= blocks) {
        throw new OutOfRangeError(
          `${name}: the table of sequence ${index} names block ${block}; use 0 to ${blocks - 1}`,
          { sequence: index, block, blocks },
        );
      }
      flat[index * width + at] = block;
    }
  }
  return { blocks: flat, width };
}

/** Lengths with the new tokens. */
function assertLengths(
  lengths: ArrayLike<number>,
  batch: number,
  added: number,
  capacityOf: (index: number) => number,
): number[] {
  if (lengths.length !== batch) {
    throw new OutOfRangeError(
      `${name}: ${lengths.length} lengths for ${batch} sequences; give one for each`,
      { lengths: lengths.length, batch },
    );
  }
  return Array.from(lengths, (length, index) => {
    const capacity = capacityOf(index);
    const total = length + added;
    if (Number.isInteger(length) && length >= 0 && total <= capacity) return total;
    throw new OutOfRangeError(
      `${name}: sequence ${index} has ${length} tokens and ${added} new ones, its cache room for ${capacity}; give it more blocks`,
      { sequence: index, length, added, capacity },
    );
  });
}
