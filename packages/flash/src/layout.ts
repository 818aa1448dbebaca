import { OutOfRangeError, type Tensor } from "@x/tensor";
import { assertDType, assertShapes } from "@x/tensor/kernels";

/** Where packed sequences begin: `[0, n1, n1 + n2, …, total]`, one entry more than sequences. */
export interface CumulativeLengths {
  readonly queries: ArrayLike<number>;
  /** Default: as `queries`. */
  readonly keys?: ArrayLike<number>;
}

/** Tokens of one sequence. */
export interface SequenceSpan {
  /** Index of the first query token within its batch entry, or within all packed tokens. */
  readonly queryStart: number;
  readonly queryLength: number;
  readonly keyStart: number;
  readonly keyLength: number;
}

/** Sizes of an attention problem. */
export interface AttentionLayout {
  /** `B`: sequences. */
  readonly batch: number;
  /** `H`: query heads. */
  readonly heads: number;
  /** `Hkv`: key/value heads. */
  readonly kvHeads: number;
  /** `D`: elements of a query or key. */
  readonly keySize: number;
  /** `Dv`: elements of a value. */
  readonly valueSize: number;
  readonly isPacked: boolean;
  readonly sequences: readonly SequenceSpan[];
}

const name = "flashAttention";

/** Checks shapes and dtypes of queries, keys and values. */
export function layoutOf(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  cumulativeLengths?: CumulativeLengths,
): AttentionLayout {
  for (const [what, operand] of Object.entries({ queries, keys, values })) {
    assertDType(name, what, operand, "float32");
  }
  const { rank } = queries;
  const isPacked = rank === 3;
  const expectation = isPacked
    ? "use packed queries [total, H, D], keys [total, Hkv, D] and values [total, Hkv, Dv], H a multiple of Hkv"
    : "use queries [B, Nq, H, D], keys [B, Nk, Hkv, D] and values [B, Nk, Hkv, Dv], H a multiple of Hkv";
  const [heads = 0, keySize = 0] = queries.shape.slice(-2);
  const [kvHeads = 0] = keys.shape.slice(-2);
  const [valueHeads = 0, valueSize = 0] = values.shape.slice(-2);
  const fits =
    (rank === 3 || rank === 4) &&
    keys.rank === rank &&
    values.rank === rank &&
    keys.dimension(-1) === keySize &&
    valueHeads === kvHeads &&
    keys.dimension(-3) === values.dimension(-3) &&
    (isPacked || keys.shape[0] === queries.shape[0]) &&
    (isPacked || values.shape[0] === queries.shape[0]) &&
    keySize > 0 &&
    valueSize > 0 &&
    kvHeads > 0 &&
    heads > 0 &&
    heads % kvHeads === 0;
  assertShapes(name, fits, expectation, queries, keys, values);
  const sizes = { heads, kvHeads, keySize, valueSize, isPacked };
  const [queryTokens, keyTokens] = [queries.dimension(-3), keys.dimension(-3)];
  if (isPacked) {
    const sequences = packedSpans(queryTokens, keyTokens, cumulativeLengths);
    return { ...sizes, batch: sequences.length, sequences };
  }
  assertShapes(
    name,
    cumulativeLengths === undefined,
    "give cuSeqlens with packed operands [total, H, D] only",
    queries,
  );
  const batch = queries.dimension(0);
  const span = { queryStart: 0, queryLength: queryTokens, keyStart: 0, keyLength: keyTokens };
  return { ...sizes, batch, sequences: Array.from({ length: batch }, () => span) };
}

function packedSpans(
  queryTokens: number,
  keyTokens: number,
  {
    queries = [0, queryTokens],
    keys = queries.length === 2 ? [0, keyTokens] : queries,
  }: Partial<CumulativeLengths> = {},
): SequenceSpan[] {
  assertCumulative("queries", queries, queryTokens);
  assertCumulative("keys", keys, keyTokens);
  if (queries.length !== keys.length) {
    throw new OutOfRangeError(
      `${name}: cuSeqlens lists ${queries.length - 1} sequences of queries and ${keys.length - 1} of keys; list the same`,
      { queries: queries.length - 1, keys: keys.length - 1 },
    );
  }
  return Array.from({ length: queries.length - 1 }, (_, index) => {
    const [queryStart = 0, keyStart = 0] = [queries[index], keys[index]];
    return {
      queryStart,
      queryLength: (queries[index + 1] ?? 0) - queryStart,
      keyStart,
      keyLength: (keys[index + 1] ?? 0) - keyStart,
    };
  });
}

function assertCumulative(what: string, starts: ArrayLike<number>, total: number): void {
  const list = Array.from(starts);
  const isRising = list.every(
    (start, index) => Number.isInteger(start) && start >= (list[index - 1] ?? 0),
  );
  if (list.length > 0 && list[0] === 0 && list.at(-1) === total && isRising) return;
  throw new OutOfRangeError(
    `${name}: cuSeqlens.${what} must rise from 0 to the ${total} tokens given`,
    { [what]: list, total },
  );
}
