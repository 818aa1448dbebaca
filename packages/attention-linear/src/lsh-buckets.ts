import {
  add,
  arange,
  argmax,
  argsort,
  cast,
  concat,
  div,
  matmul,
  mul,
  neg,
  normalNumbers,
  sort,
  stack,
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
 * arXiv 1509.02897); where there are many buckets, a pair of such numbers. Passed to `lshAttention` as `buckets`, they are used again as they are: by
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
    const factors = bucketFactors(paddedLength(time, bucketSize) / bucketSize);
    const columns = factors.reduce((total, factor) => total + factor / 2, 0);
    const numbers = normalNumbers(size * rounds * columns, seed);
    const rotations = tensor(numbers, [size, rounds * columns], { device });
    const x = sharedQueries.detach().permute([0, 2, 1, 3]); // [B, H, T, D]
    const found = Array.from({ length: rounds }, (_, round) =>
      tidy(() => {
        const own = rotations.slice(1, round * columns, (round + 1) * columns);
        return bucketsIn(matmul(x, own), factors);
      }),
    );
    return stack(found, { axis: 2 });
  });
}

/** Above this, buckets are named by two numbers. */
const mostInOneFactor = 64;

/**
 * Numbers of buckets whose product is `count` or a little less. With one factor a token would be compared
 * with all T / bucketSize directions, and hashing cost O(T²); with two it is about the square root.
 */
function bucketFactors(count: number): readonly number[] {
  if (count <= mostInOneFactor) return [count];
  const first = 2 * Math.round(Math.sqrt(count) / 2);
  return [first, 2 * Math.floor(count / first / 2)];
}

/** `argmax [y; -y]` in each factor's part of `[B, H, T, columns]`, as one int32 number. */
function bucketsIn(rotated: Tensor, factors: readonly number[]): Tensor {
  let start = 0;
  const parts = factors.map((factor) => {
    const part = rotated.slice(-1, start, start + factor / 2);
    start += factor / 2;
    return argmax(concat([part, neg(part)], { axis: -1 })); // [B, H, T]
  });
  const [first, second] = parts as [Tensor, Tensor | undefined];
  return second === undefined ? first : add(mul(first, factors[1] ?? 1), second);
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

/** The tokens of each round in the order of their buckets: `[N, R, P]`. */
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
  /** int32: row of each original token in a table of a round's sorted ones, `[N · P, ·]`. */
  readonly inverseIds: Tensor;
}

/** Sorts by bucket; equal buckets keep the order of time. */
export function sortByBucket(buckets: Tensor, bucketSize: number): SortedOrder {
  const { device } = buckets;
  const [rows = 0, , length = 0] = buckets.shape;
  const { sorted, order, inverse } = stableOrder(buckets); // [N, R, P]
  const counter = arange(0, rows, 1, { device, dtype: "int32" });
  const firstRows = mul(counter, length).reshape([rows, 1, 1]);
  return {
    positions: order,
    buckets: sorted,
    chunkOfToken: cast(div(inverse, bucketSize), "int32").permute([0, 2, 1]),
    bucketOfToken: buckets.permute([0, 2, 1]),
    rowIds: within(add(order, firstRows), rows * length),
    inverseIds: within(add(inverse, firstRows), rows * length),
  };
}

interface StableOrder {
  readonly sorted: Tensor;
  /** Where each sorted token was. */
  readonly order: Tensor;
  /** Where each token goes. */
  readonly inverse: Tensor;
}

/** Rows of small integers in order: in linear time where the host sees them. */
function stableOrder(buckets: Tensor): StableOrder {
  if (buckets.device.access === "asynchronous") {
    const { values: sorted, indices: order } = sort(buckets);
    return { sorted, order, inverse: argsort(order) };
  }
  const { device, shape } = buckets;
  const length = shape.at(-1) ?? 0;
  const values = buckets.dataSync();
  const [sorted, order, inverse] = [0, 1, 2].map(() => new Int32Array(values.length)) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  for (let start = 0; start < values.length; start += length) {
    // A counting sort: the first place of each bucket, then the tokens in order of time.
    const places = new Int32Array(length + 2);
    for (let t = 0; t < length; t++) {
      const next = bucketAt(values, start + t, length) + 1;
      places[next] = (places[next] ?? 0) + 1;
    }
    for (let bucket = 1; bucket < places.length; bucket++) {
      places[bucket] = (places[bucket] ?? 0) + (places[bucket - 1] ?? 0);
    }
    for (let t = 0; t < length; t++) {
      const bucket = bucketAt(values, start + t, length);
      const place = places[bucket] ?? 0;
      places[bucket] = place + 1;
      sorted[start + place] = bucket;
      order[start + place] = t;
      inverse[start + t] = place;
    }
  }
  const make = (data: Int32Array) => tensor(data, shape, { device, dtype: "int32" });
  return { sorted: make(sorted), order: make(order), inverse: make(inverse) };
}

/** @throws {@link AttentionOptionError} when there is no such bucket. */
function bucketAt(values: ArrayLike<number>, index: number, limit: number): number {
  const bucket = values[index] ?? 0;
  if (bucket >= 0 && bucket <= limit) return bucket;
  throw new AttentionOptionError(
    `lshAttention: bucket ${bucket} is out of range; use those of lshBuckets with the same bucketSize`,
    { bucket },
  );
}

/** Says that indexes lie below `limit`, for devices where nobody can look. */
function within(indexes: Tensor, limit: number): Tensor {
  indexes.storage.setBounds({ minimum: 0, maximum: limit - 1 });
  return indexes;
}
