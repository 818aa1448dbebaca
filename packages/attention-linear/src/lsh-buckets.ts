import {
  add,
  arange,
  argmax,
  argsort,
  cast,
  concat,
  contiguous,
  div,
  matmul,
  mul,
  neg,
  normalNumbers,
  sort,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from "@x/tensor";
import { AttentionOptionError } from "./errors";

/** How {@link lshBuckets} hashes. */
export interface LshHashOptions {
  /** Tokens per bucket, on average. Default 64. */
  readonly bucketSize?: number;
  /** Rounds of hashing. Default 4. */
  readonly rounds?: number;
  /** Chooses the rotations. */
  readonly seed: number;
}

/** Length to which T tokens are padded: chunks of `bucketSize`, an even number of them. */
export function paddedLength(time: number, bucketSize: number): number {
  return Math.ceil(time / (2 * bucketSize)) * 2 * bucketSize;
}

/**
 * The bucket of each token in each round: `argmax [xR; -xR]`, R being random (Andoni et al. 2015,
 * arXiv 1509.02897). Passed to `lshAttention` as `buckets`, they are used again as they are: by
 * a layer that recomputes its forward pass, or on another device.
 *
 * @param sharedQueries - float32 `[B, T, H, D]`.
 * @returns int32 `[B, H, rounds, T]`, from 0 to the number of buckets, which is even.
 * @throws {@link AttentionOptionError} when `bucketSize` or `rounds` is not an integer of 1 or more.
 */
export function lshBuckets(
  sharedQueries: Tensor,
  { bucketSize = 64, rounds = 4, seed }: LshHashOptions,
): Tensor {
  assertHash("lshBuckets", bucketSize, rounds);
  const { device } = sharedQueries;
  const [batch = 0, time = 0, heads = 0, size = 0] = sharedQueries.shape;
  if (sharedQueries.size === 0)
    return zeros([batch, heads, rounds, time], { device, dtype: "int32" });
  return tidy(() => {
    const half = paddedLength(time, bucketSize) / bucketSize / 2;
    const numbers = normalNumbers(size * rounds * half, seed);
    const rotations = tensor(numbers, [size, rounds * half], { device });
    const x = sharedQueries.detach().permute([0, 2, 1, 3]); // [B, H, T, D]
    const rotated = matmul(x, rotations).reshape([batch, heads, time, rounds, half]);
    const buckets = argmax(concat([rotated, neg(rotated)], { axis: -1 })); // [B, H, T, R]
    return contiguous(buckets.permute([0, 1, 3, 2]));
  });
}

/** @throws {@link AttentionOptionError} unless both are integers of 1 or more. */
export function assertHash(name: string, bucketSize: number, rounds: number): void {
  const isCount = (value: number) => Number.isInteger(value) && value >= 1;
  if (isCount(bucketSize) && isCount(rounds)) return;
  throw new AttentionOptionError(
    `${name}: bucketSize ${bucketSize} and rounds ${rounds} must be integers of 1 or more`,
    { bucketSize, rounds },
  );
}

/** The tokens of each round in the order of their buckets, in chunks of c: `[N, R, chunks, c]`. */
export interface SortedOrder {
  /** int32: original position of each sorted token. */
  readonly positions: Tensor;
  /** int32: its bucket. */
  readonly buckets: Tensor;
  /** int32 `[N, P, R]`: in which chunk each token lies in each round, by original position. */
  readonly chunkOfToken: Tensor;
  /** int32 `[N, P, R]`: its bucket in each round. */
  readonly bucketOfToken: Tensor;
  /** int32: row of each sorted token in a table `[N · P, ·]`. */
  readonly rowIds: Tensor;
  /** int32 `[N, R, P]`: row of each original token in a table of sorted ones, `[N · R · P, ·]`. */
  readonly inverseIds: Tensor;
}

/** Sorts by bucket; equal buckets keep the order of time. */
export function sortByBucket(buckets: Tensor, bucketSize: number): SortedOrder {
  const { device } = buckets;
  const [rows = 0, rounds = 0, length = 0] = buckets.shape;
  const chunks = length / bucketSize;
  const chunked = [rows, rounds, chunks, bucketSize];
  const counter = (count: number) => arange(0, count, 1, { device, dtype: "int32" });
  const { values: sortedBuckets, indices: order } = sort(buckets); // [N, R, P]
  const inverse = argsort(order);
  const sortedRows = mul(counter(rows), length).reshape([rows, 1, 1]);
  const roundRows = mul(counter(rows * rounds), length).reshape([rows, rounds, 1]);
  return {
    positions: order.reshape(chunked),
    buckets: sortedBuckets.reshape(chunked),
    chunkOfToken: cast(div(inverse, bucketSize), "int32").permute([0, 2, 1]),
    bucketOfToken: buckets.permute([0, 2, 1]),
    rowIds: within(add(order, sortedRows), rows * length),
    inverseIds: within(add(inverse, roundRows), rows * rounds * length),
  };
}

/** Says that indexes lie below `limit`, for devices where nobody can look. */
function within(indexes: Tensor, limit: number): Tensor {
  indexes.storage.setBounds({ minimum: 0, maximum: limit - 1 });
  return indexes;
}
