import { assign, bytesOf, type Tensor } from "@x/tensor";
import { cacheRows, type DecodeAttributes } from "./decode-attributes";
import { packRow } from "./pack-row";

/** Tokens to append to every sequence. */
export interface NewTokens {
  /** float32 `[B, count, Hkv, D]`. */
  readonly keys: Tensor;
  /** float32 `[B, count, Hkv, Dv]`. */
  readonly values: Tensor;
  readonly count: number;
}

/**
 * Writes new tokens to the ends of the sequences, packed as the cache is. The lengths of the
 * attributes count them already.
 */
export function appendToCache(
  keys: Tensor,
  values: Tensor,
  added: NewTokens,
  attributes: DecodeAttributes,
): void {
  for (const [cache, tokens] of [
    [keys, added.keys],
    [values, added.values],
  ] as const) {
    if (cache.dtype === "float32") appendTensors(cache, tokens, added.count, attributes);
    else appendPacked(cache, tokens, added.count, attributes);
  }
}

function appendTensors(
  cache: Tensor,
  tokens: Tensor,
  count: number,
  attributes: DecodeAttributes,
): void {
  const inner = cache.dimension(1);
  forEachRow(cache, count, attributes, (row, index, token) => {
    using outer = cache.slice(0, Math.floor(row / inner), Math.floor(row / inner) + 1);
    using target = outer.slice(1, row % inner, (row % inner) + 1);
    using sequence = tokens.slice(0, index, index + 1);
    using source = sequence.slice(1, token, token + 1);
    assign(target, source);
  });
}

function appendPacked(
  cache: Tensor,
  tokens: Tensor,
  count: number,
  attributes: DecodeAttributes,
): void {
  const rowSize = cache.dimension(2) * cache.dimension(3);
  const data = tokens.dataSync() as Float32Array;
  const bytes = bytesOf(cache);
  forEachRow(cache, count, attributes, (row, index, token) => {
    const start = (index * count + token) * rowSize;
    const packed = packRow(cache.dtype, data.subarray(start, start + rowSize));
    bytes.set(packed, row * packed.length);
  });
}

function forEachRow(
  cache: Tensor,
  count: number,
  attributes: DecodeAttributes,
  visit: (row: number, index: number, token: number) => void,
): void {
  attributes.layout.sequences.forEach((_, index) => {
    const rows = cacheRows(attributes, cache, index).slice(-count || Number.POSITIVE_INFINITY);
    rows.forEach((row, token) => {
      visit(row, index, token);
    });
  });
}
