import { OutOfRangeError } from "@x/tensor";
import type { TileSizes } from "./attention-attributes";

/**
 * How attention moves data between slow and fast memory:
 *
 * - `standard`: scores and weights are stored in full;
 * - `keys-outer`: each tile of keys visits all queries, whose outputs and normalizers it reads and
 *   writes again (FlashAttention, arXiv 2205.14135, algorithm 1);
 * - `queries-outer`: each tile of queries visits all keys and is written once (FlashAttention-2,
 *   arXiv 2307.08691, algorithm 1). This is what {@link flashAttention} does in SIMD.
 */
export type AttentionSchedule = "standard" | "keys-outer" | "queries-outer";

/** One head of an attention without masks. */
export interface IoCostOptions {
  /** `N`: queries. */
  readonly tokens: number;
  /** Keys. Default: as many as queries. */
  readonly keyTokens?: number;
  /** `d`: elements of a query or key. */
  readonly headSize: number;
  /** Elements of a value. Default: `headSize`. */
  readonly valueSize?: number;
  readonly schedule: AttentionSchedule;
  /** Sizes of the tiles. Give either these or `memory`, except for `standard`. */
  readonly tile?: TileSizes;
  /** `M`: elements that the fast memory holds; {@link tileSizesFor} turns them to tiles. */
  readonly memory?: number;
  /** Default `forward`; `backward` is that of {@link flashAttentionBackward}, or of the standard schedule. */
  readonly pass?: "forward" | "backward";
}

/** Elements moved. */
export interface IoCost {
  readonly loads: number;
  readonly stores: number;
  readonly total: number;
}

/**
 * The elements that an attention moves between slow and fast memory, exactly. With fast memory of `M`
 * elements, the standard schedule moves Θ(N d + N²), the tiled ones Θ(N² d² / M) (arXiv 2205.14135,
 * theorem 2). The instrumented build of the kernels, `@x/flash/instrumented`, counts the same.
 *
 * @throws {OutOfRangeError} when neither tile nor memory is given, or the memory holds no tile.
 *
 * @example
 * ```ts
 * ioCost({ tokens: 4096, headSize: 64, schedule: "standard" }).total; // 68,157,440
 * ioCost({ tokens: 4096, headSize: 64, schedule: "queries-outer", tile: { queries: 128, keys: 64 } }).total;
 * // 17,305,600
 * ```
 */
export function ioCost(options: IoCostOptions): IoCost {
  const { tokens, keyTokens = tokens, headSize, valueSize = headSize, schedule } = options;
  const [q, k, d, v] = [tokens, keyTokens, headSize, valueSize];
  const isBackward = options.pass === "backward";
  switch (schedule) {
    case "standard":
      // Forward: scores written; read and turned to weights; weights read. Backward: weights read for
      // dV; dP written; both read for dS, which is written, and read twice.
      return isBackward
        ? cost(q * (2 * d + 2 * v) + k * (d + v) + 5 * q * k, q * d + k * (d + v) + 2 * q * k)
        : cost(q * d + k * (d + v) + 2 * q * k, q * v + 2 * q * k);
    case "keys-outer": {
      const visits = Math.ceil(k / tileOf(options).keys);
      if (isBackward) return keysOuterBackward(q, k, d, v, visits);
      return cost(k * (d + v) + visits * q * (d + v + 2), visits * q * (v + 2));
    }
    case "queries-outer": {
      const tile = tileOf(options);
      if (isBackward) return keysOuterBackward(q, k, d, v, Math.ceil(k / tile.keys));
      return cost(q * d + Math.ceil(q / tile.queries) * k * (d + v), q * (v + 1));
    }
    default:
      return schedule satisfies never;
  }
}

/**
 * Queries, output gradients and normalizers are laid out once, read for each tile of keys, and the
 * gradient of the queries is read and written with them.
 */
function keysOuterBackward(q: number, k: number, d: number, v: number, visits: number): IoCost {
  const loads = q * (d + 2 * v + 1) + k * (d + v) + visits * q * (2 * d + v + 2) + q * d;
  const stores = q * (2 * d + v + 2) + visits * q * d + k * (d + v) + q * d;
  return cost(loads, stores);
}

function cost(loads: number, stores: number): IoCost {
  return { loads, stores, total: loads + stores };
}

function tileOf({ tile, memory, headSize, valueSize }: IoCostOptions): TileSizes {
  if (tile !== undefined) return tile;
  if (memory !== undefined) return tileSizesFor(memory, headSize, valueSize);
  throw new OutOfRangeError("ioCost: a tiled schedule needs tile or memory; give one");
}

/** Columns of the weights that the kernel holds at once: a panel of queries. */
const panel = 8;

/**
 * The largest square tiles whose buffers fit into `memory` elements: queries, output, two
 * normalizers, keys, values, and the weights of eight queries.
 *
 * @throws {OutOfRangeError} when the smallest tile, eight by eight, does not fit.
 */
export function tileSizesFor(memory: number, headSize: number, valueSize = headSize): TileSizes {
  const perToken = 2 * (headSize + valueSize) + 2 + panel;
  const size = Math.floor(memory / perToken / panel) * panel;
  if (size >= panel) return { queries: size, keys: size };
  throw new OutOfRangeError(
    `ioCost: ${memory} elements hold no tile for heads of ${headSize}; use ${panel * perToken} or more`,
    { memory, headSize, least: panel * perToken },
  );
}
