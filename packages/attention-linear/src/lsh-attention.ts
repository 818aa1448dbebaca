import {
  add,
  concat,
  equal,
  exp,
  greater,
  less,
  log,
  logicalAnd,
  logicalOr,
  logsumexp,
  matmul,
  maximum,
  mod,
  mul,
  notEqual,
  pad,
  reshape,
  rsqrt,
  ShapeError,
  softmax,
  square,
  sub,
  sum,
  type Tensor,
  take,
  tidy,
  where,
} from "@x/tensor";
import {
  assertHash,
  type LshHashOptions,
  lshBuckets,
  paddedLength,
  type SortedOrder,
  sortByBucket,
} from "./lsh-buckets";

/** Settings of {@link lshAttention}. */
export interface LshAttentionOptions extends LshHashOptions {
  /** Tokens per chunk of the sorted sequence, and on average per bucket. Default 64. */
  readonly bucketSize?: number;
  /** Rounds of hashing. More find more of the true neighbours. Default 4. */
  readonly rounds?: number;
  /** int32 `[B, H, rounds, T]` of {@link lshBuckets}, in place of hashing; `seed` has no use then. */
  readonly buckets?: Tensor;
  /** Whether a token sees earlier ones only, by original position. Default true. */
  readonly causal?: boolean;
  /** Whether tokens of a chunk see each other across the border of their buckets. Default true. */
  readonly acrossBuckets?: boolean;
  /**
   * Whether a pair that meets in several rounds counts once in each, as in models that were trained
   * so. Default false: it counts once.
   */
  readonly allowDuplicates?: boolean;
  /** What scores are multiplied with. Default `1 / √D`. */
  readonly scale?: number;
}

/** A score that only wins where there is no other. */
const fallbackScore = -5e4;
/** A score that never wins; finite, so that differences stay numbers. */
const forbiddenScore = -1e30;

/**
 * Attention among tokens whose shared query and key fall into the same bucket of a random
 * projection: O(T · bucketSize) instead of O(T²) (Kitaev et al. 2020, "Reformer",
 * arXiv 2001.04451, section 2).
 *
 * Tokens are sorted by bucket, stably, so that time order holds within a bucket; each chunk of the
 * sorted sequence attends to itself and the one before. A pair that meets in several rounds counts
 * once, and rounds are combined by their log-sum-exp. A token attends to itself only where it finds
 * no other. Any length is padded inside.
 *
 * @param sharedQueries - float32 `[B, T, H, D]`: queries, and as unit vectors the keys.
 * @param values - float32 `[B, T, H, V]`.
 * @returns float32 `[B, T, H, V]`.
 */
export function lshAttention(
  sharedQueries: Tensor,
  values: Tensor,
  options: LshAttentionOptions,
): Tensor {
  const { bucketSize = 64, rounds = 4, buckets } = options;
  assertOptions(sharedQueries, values, bucketSize, rounds, buckets);
  const [batch = 0, time = 0, heads = 0, size = 0] = sharedQueries.shape;
  if (sharedQueries.size === 0 || values.size === 0) return mul(values, 1);
  return tidy(() => {
    const padded = paddedLength(time, bucketSize);
    const rows = batch * heads;
    const padding = [
      [0, 0],
      [0, 0],
      [0, padded - time],
    ];
    const flat = (tensor: Tensor) => {
      const long = pad(tensor.permute([0, 2, 1, 3]), [...padding, [0, 0]]);
      return reshape(long, [rows, padded, tensor.dimension(3)]);
    };
    // Padding has a bucket of its own behind all others.
    const found = buckets ?? lshBuckets(sharedQueries, options);
    const hashed = pad(found, [[0, 0], ...padding], { value: padded / bucketSize });
    const sorted = sortByBucket(reshape(hashed, [rows, rounds, padded]), bucketSize);
    const { causal = true, acrossBuckets = true, allowDuplicates = false } = options;
    const round = attendInChunks(flat(sharedQueries), flat(values), sorted, {
      rounds,
      bucketSize,
      length: time,
      causal,
      acrossBuckets,
      allowDuplicates,
      scale: options.scale ?? 1 / Math.sqrt(size),
    });
    const weights = softmax(round.logSumExp, { axis: 1 }); // over rounds, [N, R, P]
    const mixed = sum(mul(weights.expandDims(-1), round.output), { axis: 1 }); // [N, P, V]
    return mixed
      .slice(1, 0, time)
      .reshape([batch, heads, time, values.dimension(3)])
      .permute([0, 2, 1, 3]);
  });
}

function assertOptions(
  sharedQueries: Tensor,
  values: Tensor,
  bucketSize: number,
  rounds: number,
  buckets: Tensor | undefined,
): void {
  const fits =
    sharedQueries.rank === 4 &&
    values.rank === 4 &&
    values.shape.slice(0, 3).every((one, axis) => one === sharedQueries.shape[axis]);
  if (!fits) {
    throw new ShapeError(
      `lshAttention: shapes [${sharedQueries.shape.join(", ")}], [${values.shape.join(", ")}] do not fit; use [B, T, H, D] and [B, T, H, V]`,
      { shapes: [sharedQueries.shape, values.shape] },
    );
  }
  assertHash("lshAttention", bucketSize, rounds);
  if (buckets === undefined) return;
  const [batch = 0, time = 0, heads = 0] = sharedQueries.shape;
  const expected = [batch, heads, rounds, time];
  if (buckets.dtype === "int32" && buckets.shape.join() === expected.join()) return;
  throw new ShapeError(
    `lshAttention: buckets are ${buckets.dtype} [${buckets.shape.join(", ")}]; use int32 [${expected.join(", ")}]`,
    { shape: buckets.shape, expected, dtype: buckets.dtype },
  );
}

interface ChunkOptions {
  readonly rounds: number;
  readonly bucketSize: number;
  /** Tokens before padding. */
  readonly length: number;
  readonly causal: boolean;
  readonly acrossBuckets: boolean;
  readonly allowDuplicates: boolean;
  readonly scale: number;
}

/** Each round's own attention, back in the original order: `[N, R, P, V]` and `[N, R, P]`. */
function attendInChunks(
  queries: Tensor,
  values: Tensor,
  sorted: SortedOrder,
  options: ChunkOptions,
): { output: Tensor; logSumExp: Tensor } {
  const { rounds, bucketSize, scale } = options;
  const [rows = 0, length = 0] = queries.shape;
  const chunks = length / bucketSize;
  const shape = (width: number) => [rows, rounds, chunks, bucketSize, width];
  const pick = (tensor: Tensor) => {
    const width = tensor.dimension(-1);
    return take(reshape(tensor, [rows * length, width]), sorted.rowIds).reshape(shape(width));
  };
  const unit = mul(queries, rsqrt(add(sum(square(queries), { axis: -1, keepDims: true }), 1e-12)));
  const chunkQueries = pick(queries);
  const keys = withPrevious(pick(unit)); // [N, R, chunks, 2c, D]
  const scores = mul(matmul(chunkQueries, keys.transpose()), scale);
  const masked = maskScores(scores, sorted, options);
  const logSumExp = logsumexp(masked, { axis: -1, keepDims: true });
  const output = matmul(exp(sub(masked, logSumExp)), withPrevious(pick(values)));
  const unsort = (tensor: Tensor, width: number) =>
    take(reshape(tensor, [rows * rounds * length, width]), sorted.inverseIds).reshape([
      rows,
      rounds,
      length,
      width,
    ]);
  const width = values.dimension(-1);
  return { output: unsort(output, width), logSumExp: unsort(logSumExp, 1).squeeze(-1) };
}

/** Each chunk with the one before it in the round; the first with the last: `[.., 2c, ·]`. */
function withPrevious(chunked: Tensor): Tensor {
  const chunks = chunked.dimension(2);
  const previous = concat([chunked.slice(2, chunks - 1, chunks), chunked.slice(2, 0, chunks - 1)], {
    axis: 2,
  });
  return concat([chunked, previous], { axis: 3 });
}

function maskScores(scores: Tensor, sorted: SortedOrder, options: ChunkOptions): Tensor {
  const { causal, acrossBuckets, allowDuplicates, length } = options;
  const pairs = (tensor: Tensor) => ({
    own: tensor.expandDims(-1), // [N, R, chunks, c, 1]
    other: withPrevious(tensor.expandDims(-1)).transpose(), // [N, R, chunks, 1, 2c]
  });
  const position = pairs(sorted.positions);
  const isSelf = equal(position.own, position.other);
  let isForbidden = logicalAnd(greater(position.other, length - 1), equal(isSelf, 0));
  if (causal) isForbidden = logicalOr(isForbidden, greater(position.other, position.own));
  if (!acrossBuckets) {
    const bucket = pairs(sorted.buckets);
    isForbidden = logicalOr(isForbidden, notEqual(bucket.own, bucket.other));
  }
  // A forbidden pair may meet nowhere; its score is not used.
  const corrected = allowDuplicates
    ? scores
    : sub(scores, log(maximum(meetings(sorted, acrossBuckets), 1)));
  return where(isForbidden, forbiddenScore, where(isSelf, fallbackScore, corrected));
}

/**
 * In how many rounds each pair of a chunk meets: the key lies in the query's chunk or the one before
 * it, and where buckets part, in its bucket.
 */
function meetings(
  { chunkOfToken, bucketOfToken, rowIds, positions }: SortedOrder,
  acrossBuckets: boolean,
): Tensor {
  const [rows = 0, length = 0, rounds = 0] = chunkOfToken.shape;
  const chunks = positions.shape[2] ?? 1;
  // What each sorted token has in every round, [N, R, chunks, c, R], and its chunk's neighbours.
  const inRounds = (ofToken: Tensor) => {
    const own = take(reshape(ofToken, [rows * length, rounds]), rowIds).reshape([
      ...positions.shape,
      rounds,
    ]);
    return { own, other: withPrevious(own) };
  };
  const places = inRounds(chunkOfToken);
  const buckets = acrossBuckets ? undefined : inRounds(bucketOfToken);
  const pairIn = ({ own, other }: { own: Tensor; other: Tensor }, round: number) =>
    [own.slice(-1, round, round + 1), other.slice(-1, round, round + 1).transpose()] as const;
  const counts = Array.from({ length: rounds }, (_, round) => {
    const [own, other] = pairIn(places, round); // [.., c, 1], [.., 1, 2c]
    const isNear = less(mod(sub(own, other), chunks), 2);
    return buckets === undefined ? isNear : logicalAnd(isNear, equal(...pairIn(buckets, round)));
  });
  return counts.reduce((total, count) => add(total, count));
}
