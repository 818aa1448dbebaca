import {
  add,
  concat,
  div,
  equal,
  exp,
  greater,
  less,
  log,
  logicalAnd,
  logicalOr,
  logsumexp,
  matmul,
  mod,
  mul,
  pad,
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
import { AttentionOptionError } from "./errors";
import { bucketsOf, type HashOptions, type SortedOrder, sortByBucket } from "./lsh-buckets";

/** Settings of {@link lshAttention}. */
export interface LshAttentionOptions {
  /** Tokens per chunk of the sorted sequence, and on average per bucket. Default 64. */
  readonly bucketSize?: number;
  /** Rounds of hashing. More find more of the true neighbours. Default 4. */
  readonly rounds?: number;
  /** Whether a token sees earlier ones only, by original position. Default true. */
  readonly causal?: boolean;
  /** Whether tokens of a chunk see each other across the border of their buckets. Default true. */
  readonly acrossBuckets?: boolean;
  /** Chooses the rotations. */
  readonly seed: number;
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
  const { bucketSize = 64, rounds = 4, causal = true, acrossBuckets = true, seed } = options;
  assertOptions(sharedQueries, values, bucketSize, rounds);
  const [batch = 0, time = 0, heads = 0, size = 0] = sharedQueries.shape;
  if (sharedQueries.size === 0 || values.size === 0) return mul(values, 1);
  return tidy(() => {
    const padded = Math.ceil(time / (2 * bucketSize)) * 2 * bucketSize;
    const rows = batch * heads;
    const flat = (tensor: Tensor) =>
      pad(tensor.permute([0, 2, 1, 3]), [
        [0, 0],
        [0, 0],
        [0, padded - time],
        [0, 0],
      ]).reshape([rows, padded, tensor.dimension(3)]);
    const queries = flat(sharedQueries);
    const hash: HashOptions = { rounds, bucketSize, seed, length: time };
    const sorted = sortByBucket(bucketsOf(queries.detach(), hash), bucketSize);
    const round = attendInChunks(queries, flat(values), sorted, {
      ...hash,
      causal,
      acrossBuckets,
      size,
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
  if (!Number.isInteger(bucketSize) || bucketSize < 1 || !Number.isInteger(rounds) || rounds < 1) {
    throw new AttentionOptionError(
      `lshAttention: bucketSize ${bucketSize} and rounds ${rounds} must be integers of 1 or more`,
      { bucketSize, rounds },
    );
  }
}

interface ChunkOptions extends HashOptions {
  readonly causal: boolean;
  readonly acrossBuckets: boolean;
  readonly size: number;
}

/** Each round's own attention, back in the original order: `[N, R, P, V]` and `[N, R, P]`. */
function attendInChunks(
  queries: Tensor,
  values: Tensor,
  sorted: SortedOrder,
  options: ChunkOptions,
): { output: Tensor; logSumExp: Tensor } {
  const { rounds, bucketSize, size } = options;
  const [rows = 0, length = 0] = queries.shape;
  const chunks = length / bucketSize;
  const shape = (width: number) => [rows, rounds, chunks, bucketSize, width];
  const pick = (tensor: Tensor) => {
    const width = tensor.dimension(-1);
    return take(tensor.reshape([rows * length, width]), sorted.rowIds).reshape(shape(width));
  };
  const unit = mul(queries, rsqrt(add(sum(square(queries), { axis: -1, keepDims: true }), 1e-12)));
  const chunkQueries = pick(queries);
  const keys = withPrevious(pick(unit)); // [N, R, chunks, 2c, D]
  const scores = div(matmul(chunkQueries, keys.transpose()), Math.sqrt(size));
  const masked = maskScores(scores, sorted, options);
  const logSumExp = logsumexp(masked, { axis: -1, keepDims: true });
  const output = matmul(exp(sub(masked, logSumExp)), withPrevious(pick(values)));
  const unsort = (tensor: Tensor, width: number) =>
    take(tensor.reshape([rows * rounds * length, width]), sorted.inverseIds).reshape([
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

function maskScores(
  scores: Tensor,
  { positions, buckets, chunkOfToken, rowIds }: SortedOrder,
  { causal, acrossBuckets, length }: ChunkOptions,
): Tensor {
  const pairs = (tensor: Tensor) => ({
    own: tensor.expandDims(-1), // [N, R, chunks, c, 1]
    other: withPrevious(tensor.expandDims(-1)).transpose(), // [N, R, chunks, 1, 2c]
  });
  const position = pairs(positions);
  const isSelf = equal(position.own, position.other);
  let isForbidden = logicalAnd(greater(position.other, length - 1), equal(isSelf, 0));
  if (causal) isForbidden = logicalOr(isForbidden, greater(position.other, position.own));
  if (!acrossBuckets) {
    const bucket = pairs(buckets);
    isForbidden = logicalOr(isForbidden, equal(equal(bucket.own, bucket.other), 0));
  }
  const corrected = sub(scores, log(meetings(chunkOfToken, rowIds, positions.shape)));
  return where(isForbidden, forbiddenScore, where(isSelf, fallbackScore, corrected));
}

/**
 * In how many rounds each pair of a chunk meets: the key lies in the query's chunk or the one before
 * it.
 */
function meetings(chunkOfToken: Tensor, rowIds: Tensor, chunked: readonly number[]): Tensor {
  const [rows = 0, length = 0, rounds = 0] = chunkOfToken.shape;
  const chunks = chunked[2] ?? 1;
  // Where each sorted token lies in every round: [N, R, chunks, c, R].
  const table = chunkOfToken.reshape([rows * length, rounds]);
  const places = take(table, rowIds).reshape([...chunked, rounds]);
  const keyPlaces = withPrevious(places);
  const counts = Array.from({ length: rounds }, (_, round) => {
    const own = places.slice(-1, round, round + 1); // [.., c, 1]
    const other = keyPlaces.slice(-1, round, round + 1).transpose(); // [.., 1, 2c]
    const behind = mod(sub(own, other), chunks);
    return less(behind, 2);
  });
  return counts.reduce((total, count) => add(total, count));
}
