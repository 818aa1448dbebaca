import {
  add,
  arange,
  argmax,
  argsort,
  cast,
  concat,
  div,
  less,
  matmul,
  mul,
  neg,
  normalNumbers,
  sort,
  type Tensor,
  tensor,
  where,
} from "@x/tensor";

/** How tokens are hashed. */
export interface HashOptions {
  readonly rounds: number;
  readonly bucketSize: number;
  readonly seed: number;
  /** Tokens before padding. */
  readonly length: number;
}

/**
 * Bucket of each token in each round, `argmax [xR; -xR]` (Andoni et al. 2015, arXiv 1509.02897).
 * Padding gets a bucket of its own behind all others.
 *
 * @param x - `[N, P, D]`, padded.
 * @returns int32 `[N, R, P]`, from 0 to `P / bucketSize`.
 */
export function bucketsOf(x: Tensor, { rounds, bucketSize, seed, length }: HashOptions): Tensor {
  const { device } = x;
  const [, padded = 0, size = 0] = x.shape;
  const count = padded / bucketSize;
  const half = count / 2;
  const rotations = tensor(normalNumbers(size * rounds * half, seed), [size, rounds * half], {
    device,
  });
  const rotated = matmul(x, rotations).reshape([x.dimension(0), padded, rounds, half]);
  const buckets = argmax(concat([rotated, neg(rotated)], { axis: -1 })); // [N, P, R]
  const isToken = less(arange(0, padded, 1, { device, dtype: "int32" }), length).expandDims(-1);
  return where(isToken, buckets, count).permute([0, 2, 1]);
}

/** The tokens of each round in the order of their buckets, in chunks of c: `[N, R, chunks, c]`. */
export interface SortedOrder {
  /** int32: original position of each sorted token. */
  readonly positions: Tensor;
  /** int32: its bucket. */
  readonly buckets: Tensor;
  /** int32 `[N, P, R]`: in which chunk each token lies in each round, by original position. */
  readonly chunkOfToken: Tensor;
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
    rowIds: add(order, sortedRows),
    inverseIds: add(inverse, roundRows),
  };
}
