import { OutOfRangeError, type Tensor } from "@x/tensor";
import { assertDType, assertShapes, runOperation } from "@x/tensor/kernels";
import {
  type AttentionAttributes,
  type OptionalOperand,
  optionalOperands,
  type TileSizes,
} from "./attention-attributes";
import { attentionOperation } from "./attention-operation";
import { type AttentionDropout, assertDropout } from "./dropout";
import { type AttentionLayout, type CumulativeLengths, layoutOf } from "./layout";
import { type AttentionWindow, resolveWindow } from "./window";

/** Options of {@link flashAttention}. */
export interface FlashAttentionOptions {
  /** Factor of the products of queries and keys. Default `1 / √D`. */
  readonly scale?: number;
  /**
   * Each query sees the keys up to its own. Aligned to the bottom right: the last query sees every
   * key, also when there are more keys than queries. Default `false`.
   */
  readonly causal?: boolean;
  /** Sliding window. Default: all keys. */
  readonly window?: AttentionWindow;
  /** Bends each score `s` to `softcap · tanh(s / softcap)`, before masks. Default: none. */
  readonly softcap?: number;
  /**
   * ALiBi (Press et al. 2021, arXiv 2108.12409): float32 `[H]` or `[B, H]`. A score loses `slope`
   * times the distance of its key from the one that the query is aligned with.
   */
  readonly alibiSlopes?: Tensor;
  /** Added to the scores: float32 that broadcasts to `[B, H, Nq, Nk]`. Not for packed operands. */
  readonly bias?: Tensor;
  /** Hides the keys where it is 0: int32 that broadcasts to `[B, H, Nq, Nk]`. Not for packed operands. */
  readonly mask?: Tensor;
  /**
   * Learnable sinks, float32 `[H]`: a score that each row of a head adds to its softmax without a
   * value, so that the weights may sum to less than 1.
   */
  readonly sinks?: Tensor;
  /** Drops weights, with a generator that the backward pass repeats. Default: none. */
  readonly dropout?: AttentionDropout;
  /** Where packed sequences begin; needed when there is more than one. */
  readonly cuSeqlens?: CumulativeLengths;
  /** Sizes of the kernel's tiles. Default 64 by 64: both fit the second-level cache for `D` up to 256. */
  readonly tile?: TileSizes;
}

/** Output and normalizers of an attention. */
export interface FlashAttentionResult {
  /** float32, shaped as the queries with `Dv` for `D`. */
  readonly output: Tensor;
  /**
   * `ln Σ_j exp(score_j)` of each row, the sink included: float32 `[B, H, Nq]`, packed `[H, total]`.
   * `-Infinity` where a row sees no key.
   */
  readonly logSumExp: Tensor;
}

const defaultTile: TileSizes = { queries: 64, keys: 64 };

/**
 * Exact softmax attention, `softmax(scale · Q Kᵀ + masks) V`, computed tile by tile: neither scores
 * nor weights are ever held in full (Dao et al. 2022, arXiv 2205.14135; Dao 2023, arXiv 2307.08691).
 * A row that sees no key gives zeros.
 *
 * `B` sequences of `Nq` queries and `Nk` keys, `H` query heads in groups that share one of `Hkv`
 * key/value heads, `D` elements of a query or key, `Dv` of a value. Operands may be views as long as
 * their last dimension is gapless; others are copied first.
 *
 * @param queries - float32 `[B, Nq, H, D]`, or packed `[total, H, D]`.
 * @param keys - float32 `[B, Nk, Hkv, D]`, or packed `[total, Hkv, D]`; `H` is a multiple of `Hkv`.
 * @param values - float32 `[B, Nk, Hkv, Dv]`, or packed `[total, Hkv, Dv]`.
 * @returns float32 `[B, Nq, H, Dv]`, or packed `[total, H, Dv]`.
 * @throws {ShapeError} when the shapes do not fit. @throws {DTypeError} for other dtypes.
 * @throws {OutOfRangeError} for an option outside its range.
 *
 * @example
 * ```ts
 * using device = await createDevice();
 * using queries = zeros([1, 128, 8, 64], { device });
 * using keys = zeros([1, 128, 2, 64], { device });
 * using values = zeros([1, 128, 2, 64], { device });
 * using output = flashAttention(queries, keys, values, { causal: true }); // [1, 128, 8, 64]
 * ```
 */
export function flashAttention(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  options: FlashAttentionOptions = {},
): Tensor {
  const { output, logSumExp } = flashAttentionWithLogSumExp(queries, keys, values, options);
  logSumExp.dispose();
  return output;
}

/**
 * As {@link flashAttention}, and gives the normalizers as well: what combining partial results,
 * distillation or a z-loss needs.
 */
export function flashAttentionWithLogSumExp(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  options: FlashAttentionOptions = {},
): FlashAttentionResult {
  const attributes = attributesOf(queries, keys, values, options);
  const inputs = [
    queries,
    keys,
    values,
    ...attributes.present.flatMap((key) => options[key] ?? []),
  ];
  const [output, logSumExp] = runOperation(attentionOperation, inputs, attributes);
  return { output, logSumExp } as FlashAttentionResult;
}

const name = "flashAttention";

/** Checks the options and resolves their defaults. */
export function attributesOf(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  options: FlashAttentionOptions,
): AttentionAttributes {
  const layout = layoutOf(queries, keys, values, options.cuSeqlens);
  const { softcap = 0, scale = 1 / Math.sqrt(layout.keySize), tile = defaultTile } = options;
  if (!Number.isFinite(scale)) {
    throw new OutOfRangeError(`${name}: scale is ${scale}; use a finite number`, { scale });
  }
  if (!(softcap > 0) && options.softcap !== undefined) {
    throw new OutOfRangeError(`${name}: softcap is ${softcap}; use a number above 0, or none`, {
      softcap,
    });
  }
  const isTile = (size: number, step: number) => Number.isInteger(size / step) && size > 0;
  if (!isTile(tile.queries, 8) || !isTile(tile.keys, 4)) {
    throw new OutOfRangeError(
      `${name}: a tile of ${tile.queries} queries by ${tile.keys} keys; use multiples of 8 and 4`,
      { tile },
    );
  }
  const { dropout } = options;
  if (dropout !== undefined) assertDropout(dropout, layout);
  const present = optionalOperands.filter((operand) => options[operand] !== undefined);
  for (const operand of present) assertOptional(operand, options[operand], layout);
  return {
    layout,
    scale,
    softcap,
    dropout: dropout?.probability === 0 ? undefined : dropout,
    window: resolveWindow(options.causal ?? false, options.window),
    present,
    tile,
  };
}

function assertOptional(
  operand: OptionalOperand,
  tensor: Tensor | undefined,
  layout: AttentionLayout,
): void {
  if (tensor === undefined) return;
  const { batch, heads } = layout;
  assertDType(name, operand, tensor, operand === "mask" ? "int32" : "float32");
  switch (operand) {
    case "bias":
    case "mask": {
      const target = scoreShape(layout);
      const broadcasts = tensor.shape.every(
        (size, axis) => size === 1 || size === target.at(axis - tensor.rank),
      );
      const fits = !layout.isPacked && tensor.rank <= target.length && broadcasts;
      assertShapes(
        name,
        fits,
        `use a ${operand} that broadcasts to [B, H, Nq, Nk], without cuSeqlens`,
        tensor,
      );
      return;
    }
    case "alibiSlopes": {
      const isShared = tensor.rank === 1;
      const fits = (isShared || tensor.shape[0] === batch) && tensor.shape.at(-1) === heads;
      assertShapes(name, fits && tensor.rank <= 2, "use slopes [H] or [B, H]", tensor);
      return;
    }
    case "sinks":
      assertShapes(name, tensor.rank === 1 && tensor.shape[0] === heads, "use sinks [H]", tensor);
      return;
    default:
      operand satisfies never;
  }
}

/** `[B, H, Nq, Nk]`: the scores that are never held. */
function scoreShape({ batch, heads, sequences }: AttentionLayout): number[] {
  const [first] = sequences;
  return [batch, heads, first?.queryLength ?? 0, first?.keyLength ?? 0];
}
