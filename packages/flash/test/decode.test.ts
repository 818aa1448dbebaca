import { type Device, type DType, OutOfRangeError, type Tensor, tensor, tidy } from "@x/tensor";
import { describe, expect, it } from "vitest";
import {
  type FlashDecodeOptions,
  flashAttention,
  flashDecode,
  flashDecodeWithLogSumExp,
} from "../src/index";
import { packRow } from "../src/pack-row";
import { expectAccurate, references } from "./support/attention-case";
import { gpujsCases, recordLaunches, simdCases } from "./support/devices";
import type { OracleProblem } from "./support/oracle";
import { integerValues, normalValues } from "./support/random";

const [heads, kvHeads, size] = [6, 2, 64];
const rowSize = kvHeads * size;

/** Sequences of these lengths, of which the last `tokens` are the queries. */
function makeSequences(lengths: readonly number[], tokens: number, seed = 5) {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const queries = normalValues(lengths.length * tokens * heads * size, seed);
  const keys = normalValues(total * rowSize, seed + 1);
  const values = normalValues(total * rowSize, seed + 2);
  const problem: OracleProblem = {
    ...{ heads, kvHeads, keySize: size, valueSize: size, queries, keys, values },
    lengths: lengths.map((length) => [tokens, length] as const),
    scale: 1 / Math.sqrt(size),
    causal: true,
  };
  return { lengths, tokens, problem };
}

type Sequences = ReturnType<typeof makeSequences>;

/** Rows of all sequences written to the slots of their blocks; the rest is NaN. */
function pagedRows(
  { lengths }: Sequences,
  rows: ArrayLike<number>,
  tables: readonly (readonly number[])[],
  blockSize: number,
  blocks: number,
): Float32Array {
  const pool = new Float32Array(blocks * blockSize * rowSize).fill(Number.NaN);
  let start = 0;
  lengths.forEach((length, index) => {
    for (let token = 0; token < length; token++) {
      const block = tables[index]![Math.floor(token / blockSize)]!;
      const slot = block * blockSize + (token % blockSize);
      for (let c = 0; c < rowSize; c++)
        pool[slot * rowSize + c] = rows[(start + token) * rowSize + c]!;
    }
    start += length;
  });
  return pool;
}

/** Blocks for each sequence, in random order. */
function shuffledTables(lengths: readonly number[], blockSize: number, seed: number) {
  const counts = lengths.map((length) => Math.ceil(length / blockSize));
  const blocks = counts.reduce((sum, count) => sum + count, 0) + 2;
  const order = Array.from({ length: blocks }, (_, block) => block);
  integerValues(blocks, 2 ** 20, seed).forEach((random, at) => {
    const other = random % blocks;
    [order[at], order[other]] = [order[other]!, order[at]!];
  });
  const tables = counts.map((count) => order.splice(0, count));
  return { tables, blocks };
}

function contiguousCache({ lengths }: Sequences, rows: ArrayLike<number>, capacity: number) {
  const cache = new Float32Array(lengths.length * capacity * rowSize).fill(Number.NaN);
  let start = 0;
  lengths.forEach((length, index) => {
    for (let at = 0; at < length * rowSize; at++) {
      cache[index * capacity * rowSize + at] = rows[start + at]!;
    }
    start += length * rowSize;
  });
  return cache;
}

function decode(
  device: Device,
  { problem, lengths, tokens }: Sequences,
  caches: { keys: Tensor; values: Tensor },
  options: FlashDecodeOptions,
) {
  const shape = [lengths.length, tokens, heads, size];
  const queries = tensor(problem.queries, shape, { device });
  const { output, logSumExp } = flashDecodeWithLogSumExp(queries, caches.keys, caches.values, {
    lengths,
    ...options,
  });
  return { output: output.dataSync(), logSumExp: logSumExp.dataSync() };
}

function decodeContiguous(device: Device, sequences: Sequences, options: FlashDecodeOptions = {}) {
  return tidy(() => {
    const capacity = Math.max(...sequences.lengths) + 3;
    const shape = [sequences.lengths.length, capacity, kvHeads, size];
    const cache = (rows: ArrayLike<number>) =>
      tensor(contiguousCache(sequences, rows, capacity), shape, { device });
    const { keys, values } = sequences.problem;
    return decode(device, sequences, { keys: cache(keys), values: cache(values) }, options);
  });
}

function decodePaged(device: Device, sequences: Sequences, blockSize: number, options = {}) {
  return tidy(() => {
    const { tables, blocks } = shuffledTables(sequences.lengths, blockSize, blockSize);
    const pool = (rows: ArrayLike<number>) =>
      tensor(
        pagedRows(sequences, rows, tables, blockSize, blocks),
        [blocks, blockSize, kvHeads, size],
        { device },
      );
    const { keys, values } = sequences.problem;
    const caches = { keys: pool(keys), values: pool(values) };
    return decode(device, sequences, caches, { blockTables: tables, ...options });
  });
}

describe.each([...gpujsCases, ...simdCases])("flashDecode on $label", ({ create, kernels }) => {
  const sequences = makeSequences([70, 1, 129, 64], 1);

  it.each([1, 3])("equals the oracle for %i queries", async (tokens) => {
    using device = await create();
    const several = makeSequences([70, 3, 129, 64], tokens);
    const { exact, plain } = references(several.problem);
    const { result, records } = recordLaunches(device, () => decodeContiguous(device, several));
    expectAccurate("output", result.output, exact.output, plain.output);
    expectAccurate("log-sum-exp", result.logSumExp, exact.logSumExp, plain.logSumExp);
    expect(records).toContainEqual({ operation: "flashDecode", implementation: kernels });
    expect(device.memory().tensors).toBe(0);
  });

  it.each([1, 4, 16, 128])(
    "reads blocks of %i exactly as a contiguous cache",
    async (blockSize) => {
      using device = await create();
      expect(decodePaged(device, sequences, blockSize)).toEqual(
        decodeContiguous(device, sequences),
      );
    },
  );

  it("applies window, softcap, slopes and sinks", async () => {
    using device = await create();
    const slopes = normalValues(sequences.lengths.length * heads, 31).map(Math.abs);
    const sinks = normalValues(heads, 32);
    const problem = { ...sequences.problem, slopes, sinks, left: 40, softcap: 4 };
    const { exact, plain } = references(problem);
    using alibiSlopes = tensor(slopes, [sequences.lengths.length, heads], { device });
    using sinkTensor = tensor(sinks, [heads], { device });
    const options = { alibiSlopes, sinks: sinkTensor, softcap: 4, window: { left: 40 } };
    const result = decodePaged(device, sequences, 16, { ...options, splits: 3 });
    expectAccurate("output", result.output, exact.output, plain.output);
    expectAccurate("log-sum-exp", result.logSumExp, exact.logSumExp, plain.logSumExp);
  });

  it.each(["float16", "q8_0", "q4_0", "q4_1"] as const)("unpacks %s in place", async (dtype) => {
    using device = await create();
    const { tables, blocks } = shuffledTables(sequences.lengths, 16, 3);
    const { problem, lengths } = sequences;
    const packed = (rows: ArrayLike<number>) => {
      const pool = pagedRows(sequences, rows, tables, 16, blocks).map((value) => value || 0);
      const bytes = packRow(dtype, pool);
      const values = dtype === "float16" ? new Uint16Array(bytes.buffer) : bytes;
      return { values, exact: unpacked(dtype, bytes) };
    };
    const [keys, values] = [packed(problem.keys), packed(problem.values)];
    const order = (exact: Float64Array) => {
      const rows: number[] = [];
      lengths.forEach((length, index) => {
        for (let token = 0; token < length; token++) {
          const slot = tables[index]![Math.floor(token / 16)]! * 16 + (token % 16);
          rows.push(...exact.subarray(slot * rowSize, (slot + 1) * rowSize));
        }
      });
      return rows;
    };
    const { exact, plain } = references({
      ...problem,
      keys: order(keys.exact),
      values: order(values.exact),
    });
    const shape = [blocks, 16, kvHeads, size];
    const result = tidy(() => {
      const caches = {
        keys: tensor(keys.values, shape, { device, dtype }),
        values: tensor(values.values, shape, { device, dtype }),
      };
      return decode(device, sequences, caches, { blockTables: tables });
    });
    expectAccurate("output", result.output, exact.output, plain.output);
  });

  it.each(["float32", "float16", "q8_0", "q4_1"] as const)(
    "appends to %s as if the tokens had been there",
    async (dtype) => {
      using device = await create();
      const blockSize = 4;
      const { tables, blocks } = shuffledTables(sequences.lengths, blockSize, 9);
      const shape = [blocks, blockSize, kvHeads, size];
      const pool = (rows: ArrayLike<number>, skipLast: boolean) => {
        const kept = pagedRows(sequences, rows, tables, blockSize, blocks);
        const plain = kept.map((value) => value || 0);
        if (skipLast) {
          sequences.lengths.forEach((length, index) => {
            const block = tables[index]![Math.floor((length - 1) / blockSize)]!;
            const slot = block * blockSize + ((length - 1) % blockSize);
            plain.fill(0, slot * rowSize, (slot + 1) * rowSize);
          });
        }
        if (dtype === "float32") return tensor(plain, shape, { device });
        const bytes = packRow(dtype, plain);
        const values = dtype === "float16" ? new Uint16Array(bytes.buffer) : bytes;
        return tensor(values, shape, { device, dtype });
      };
      const last = (rows: ArrayLike<number>) => {
        let end = 0;
        const picked = sequences.lengths.flatMap((length) => {
          end += length * rowSize;
          return Array.from({ length: rowSize }, (_, at) => rows[end - rowSize + at]!);
        });
        return tensor(picked, [sequences.lengths.length, 1, kvHeads, size], { device });
      };
      const { keys, values } = sequences.problem;
      const { before, after } = tidy(() => {
        const blockTables = tables;
        const whole = { keys: pool(keys, false), values: pool(values, false) };
        const before = decode(device, sequences, whole, { blockTables });
        const shorter = { keys: pool(keys, true), values: pool(values, true) };
        const after = decode(device, sequences, shorter, {
          blockTables,
          lengths: sequences.lengths.map((length) => length - 1),
          newKeys: last(keys),
          newValues: last(values),
        });
        return { before, after };
      });
      expect(after).toEqual(before);
    },
  );
});

describe.each(simdCases)("splits on $label", ({ create }) => {
  it.each([1, 2, 3, 5, 17, 97])("combines %i to the same result", async (splits) => {
    using device = await create();
    // 64 keys to a tile: most of the 97 splits are empty.
    const sequences = makeSequences([700, 1, 2000], 1);
    const { exact, plain } = references(sequences.problem);
    const { output, logSumExp } = decodeContiguous(device, sequences, { splits });
    expectAccurate("output", output, exact.output, plain.output);
    const whole = decodeContiguous(device, sequences);
    output.forEach((value, index) => {
      expect(Math.abs(value - whole.output[index]!)).toBeLessThan(1e-5);
    });
    expectAccurate("log-sum-exp", logSumExp, exact.logSumExp, plain.logSumExp);
  });
});

describe.each(simdCases)("a query on $label", ({ create }) => {
  // [H, Hkv, D, Dv]: one, few and many rows to a key/value head; whole vectors, and remainders.
  it.each([
    [6, 2, 64, 64],
    [5, 5, 40, 59],
    [3, 1, 59, 24],
    [20, 1, 8, 100],
  ])("%i heads on %i of %i and %i: gets the same bits alone as among others", async (...sizes) => {
    using device = await create();
    const [heads, kvHeads, keySize, valueSize] = sizes;
    const tokens = 150;
    tidy(() => {
      const random = (rows: number, size: number, seed: number) =>
        tensor(normalValues(tokens * rows * size, seed), [1, tokens, rows, size], { device });
      const queries = random(heads, keySize, 1);
      const keys = random(kvHeads, keySize, 2);
      const values = random(kvHeads, valueSize, 3);
      const options = {
        causal: true,
        window: { left: 100 },
        softcap: 20,
        alibiSlopes: tensor(normalValues(heads, 4).map(Math.abs), [heads], { device }),
        sinks: tensor(normalValues(heads, 5), [heads], { device }),
      };
      const together = flashAttention(queries, keys, values, options).dataSync();
      for (const token of [0, 1, 3, 63, 64, 65, 127, 130, 149]) {
        const upTo = (cache: Tensor) => cache.slice(1, 0, token + 1);
        const query = queries.slice(1, token, token + 1);
        const [seen, read] = [upTo(keys), upTo(values)];
        const row = together.slice(token * heads * valueSize, (token + 1) * heads * valueSize);
        expect(flashDecode(query, seen, read, options).dataSync()).toEqual(row);
        expect(flashAttention(query, seen, read, options).dataSync()).toEqual(row);
      }
    });
  });
});

describe("what flashDecode refuses", () => {
  const sequences = makeSequences([8], 1);
  const attempt = async (blockTables: number[][], lengths: number[]) => {
    using device = await gpujsCases[0]!.create();
    tidy(() => {
      const pool = () =>
        tensor(new Float32Array(3 * 4 * rowSize), [3, 4, kvHeads, size], { device });
      decode(device, sequences, { keys: pool(), values: pool() }, { blockTables, lengths });
    });
  };

  it("takes a table that is exactly full", async () => {
    await attempt([[2, 0]], [8]);
  });

  it("refuses a length beyond the table", async () => {
    await expect(attempt([[2, 0]], [9])).rejects.toThrow(OutOfRangeError);
  });

  it.each([3, -1, 0.5])("refuses block %f of a pool of three", async (block) => {
    await expect(attempt([[0, block]], [8])).rejects.toThrow(/names block .*; use 0 to 2/);
  });
});

/** What packed rows stand for, by the definition of the formats. */
function unpacked(dtype: DType, bytes: Uint8Array): Float64Array {
  const view = new DataView(bytes.buffer);
  const half = (at: number) => {
    const word = view.getUint16(at, true);
    const exponent = (word >> 10) & 31;
    const mantissa = word & 1023;
    const value = exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25);
    return word & 0x8000 ? -value : value;
  };
  const values: number[] = [];
  if (dtype === "float16") for (let at = 0; at < bytes.length; at += 2) values.push(half(at));
  if (dtype === "q8_0") {
    for (let at = 0; at < bytes.length; at += 34) {
      for (let i = 0; i < 32; i++) values.push(half(at) * view.getInt8(at + 2 + i));
    }
  }
  if (dtype === "q4_0" || dtype === "q4_1") {
    const header = dtype === "q4_0" ? 2 : 4;
    for (let at = 0; at < bytes.length; at += header + 16) {
      const offset = dtype === "q4_0" ? -8 * half(at) : half(at + 2);
      const nibble = (i: number, shift: number) => (bytes[at + header + i]! >> shift) & 15;
      for (let i = 0; i < 16; i++) values.push(half(at) * nibble(i, 0) + offset);
      for (let i = 0; i < 16; i++) values.push(half(at) * nibble(i, 4) + offset);
    }
  }
  return Float64Array.from(values);
}
