import { type Device, type Tensor, tensor, tidy } from "@x/tensor";
import { expect } from "vitest";
import { dropoutTable, isKept } from "../../src/dropout";
import {
  type FlashAttentionOptions,
  flashAttentionBackward,
  flashAttentionWithLogSumExp,
} from "../../src/index";
import type { AttentionLayout } from "../../src/layout";
import { float32 } from "./arithmetic";
import {
  attend,
  type OracleGradients,
  type OracleProblem,
  type OracleResult,
  type ScoreValues,
} from "./oracle";
import { integerValues, normalValues } from "./random";

/** What a case of the property test is made of. */
export interface AttentionCase {
  readonly lengths: readonly (readonly [number, number])[];
  /** Packed by `cuSeqlens`; dense needs equal lengths. */
  readonly packed: boolean;
  readonly heads: number;
  readonly kvHeads: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly causal: boolean;
  readonly left?: number | undefined;
  readonly right?: number | undefined;
  readonly softcap?: number | undefined;
  readonly alibi?: "shared" | "per sequence" | undefined;
  readonly sinks?: boolean;
  /** Which dimensions of the bias, or of the mask, repeat. */
  readonly bias?: readonly [boolean, boolean, boolean, boolean] | undefined;
  readonly mask?: readonly [boolean, boolean, boolean, boolean] | undefined;
  readonly dropout?: number | undefined;
  readonly tile?: { readonly queries: number; readonly keys: number };
  readonly seed: number;
}

/** A case with its operands. */
export interface PreparedCase {
  readonly problem: OracleProblem;
  /** Calls `use` with the operands on a device. */
  run<Result>(device: Device, use: (operands: CaseTensors) => Result): Result;
}

/** The operands as tensors. */
interface CaseTensors {
  readonly queries: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly options: FlashAttentionOptions;
}

/** Makes the operands of a case. */
export function prepare(given: AttentionCase): PreparedCase {
  const { lengths, packed, heads, kvHeads, keySize, valueSize, seed } = given;
  const batch = lengths.length;
  const [totalQueries, totalKeys] = [0, 1].map((at) =>
    lengths.reduce((sum, pair) => sum + pair[at]!, 0),
  ) as [number, number];
  const [queryLength = 0, keyLength = 0] = lengths[0] ?? [];
  const queries = normalValues(totalQueries * heads * keySize, seed);
  const keys = normalValues(totalKeys * kvHeads * keySize, seed + 1);
  const values = normalValues(totalKeys * kvHeads * valueSize, seed + 2);
  const slopes = normalValues(batch * heads, seed + 3).map(Math.abs);
  if (given.alibi === "shared") {
    for (let index = heads; index < slopes.length; index++) slopes[index] = slopes[index % heads]!;
  }
  const sinks = normalValues(heads, seed + 4);
  const scoreShape = (repeats: readonly boolean[]) =>
    [batch, heads, queryLength, keyLength].map((size, axis) => (repeats[axis] ? 1 : size)) as [
      number,
      number,
      number,
      number,
    ];
  const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
  const bias: ScoreValues | undefined = given.bias && {
    shape: scoreShape(given.bias),
    values: normalValues(sizeOf(scoreShape(given.bias)), seed + 5),
  };
  const mask: ScoreValues | undefined = given.mask && {
    shape: scoreShape(given.mask),
    values: integerValues(sizeOf(scoreShape(given.mask)), 3, seed + 6),
  };
  const dropout = given.dropout ? { probability: given.dropout, seed: seed + 7 } : undefined;
  const drop = dropout && dropoutTable(dropout, { batch, heads } as AttentionLayout);
  const problem: OracleProblem = {
    ...{ heads, kvHeads, keySize, valueSize, lengths, queries, keys, values },
    scale: 1 / Math.sqrt(keySize),
    causal: given.causal,
    ...(given.left !== undefined && { left: given.left }),
    ...(given.right !== undefined && { right: given.right }),
    ...(given.softcap !== undefined && { softcap: given.softcap }),
    ...(given.alibi && { slopes }),
    ...(given.sinks && { sinks }),
    ...(bias && { bias }),
    ...(mask && { mask }),
    ...(drop && {
      keep: (b, h, i, j) => (isKept(drop, b * heads + h, i, j) ? drop.keepScale : 0),
    }),
  };
  const starts = (at: 0 | 1) => {
    const list = [0];
    for (const pair of lengths) list.push(list.at(-1)! + pair[at]);
    return list;
  };
  return {
    problem,
    run: (device, use) => {
      const on = { device };
      const shape = (length: number, total: number, rows: number, size: number) =>
        packed ? [total, rows, size] : [batch, length, rows, size];
      using q = tensor(queries, shape(queryLength, totalQueries, heads, keySize), on);
      using k = tensor(keys, shape(keyLength, totalKeys, kvHeads, keySize), on);
      using v = tensor(values, shape(keyLength, totalKeys, kvHeads, valueSize), on);
      const isShared = given.alibi === "shared";
      using slopeTensor = isShared
        ? tensor(slopes.subarray(0, heads), [heads], on)
        : tensor(slopes, [batch, heads], on);
      using sinkTensor = tensor(sinks, [heads], on);
      using biasTensor = bias && tensor(bias.values, bias.shape, on);
      using maskTensor = mask && tensor(mask.values, mask.shape, { device, dtype: "int32" });
      const options: FlashAttentionOptions = {
        causal: given.causal,
        window: {
          ...(given.left !== undefined && { left: given.left }),
          ...(given.right !== undefined && { right: given.right }),
        },
        ...(given.softcap !== undefined && { softcap: given.softcap }),
        ...(given.alibi && { alibiSlopes: slopeTensor }),
        ...(given.sinks && { sinks: sinkTensor }),
        ...(biasTensor && { bias: biasTensor }),
        ...(maskTensor && { mask: maskTensor }),
        ...(dropout && { dropout }),
        ...(packed && { cuSeqlens: { queries: starts(0), keys: starts(1) } }),
        ...(given.tile && { tile: given.tile }),
      };
      return use({ queries: q, keys: k, values: v, options });
    },
  };
}

/** Forward results in the oracle's layout. */
export function forwardOn(
  device: Device,
  prepared: PreparedCase,
): Pick<OracleResult, "output" | "logSumExp"> {
  return prepared.run(device, ({ queries, keys, values, options }) =>
    tidy(() => {
      const { output, logSumExp } = flashAttentionWithLogSumExp(queries, keys, values, options);
      return {
        output: Float64Array.from(output.dataSync()),
        logSumExp: Float64Array.from(
          toOracleLayout(logSumExp.dataSync(), prepared.problem, logSumExp.rank === 2),
        ),
      };
    }),
  );
}

/** Gradients that arrive at a case, in the oracle's layout. */
export function arrivingGradients(
  { problem }: PreparedCase,
  seed: number,
): { output: Float32Array; logSumExp: Float32Array } {
  const rows = problem.lengths.reduce((sum, [length]) => sum + length, 0) * problem.heads;
  return {
    output: normalValues(rows * problem.valueSize, seed),
    logSumExp: normalValues(rows, seed + 1),
  };
}

/** Gradients of every operand, the one through the log-sum-exp included. */
export function backwardOn(
  device: Device,
  prepared: PreparedCase,
  arriving: { output: Float32Array; logSumExp: Float32Array },
): Record<"queries" | "keys" | "values" | "bias" | "sinks", ArrayLike<number>> {
  return prepared.run(device, ({ queries, keys, values, options }) =>
    tidy(() => {
      const { output, logSumExp } = flashAttentionWithLogSumExp(queries, keys, values, options);
      const isPacked = logSumExp.rank === 2;
      const totals = fromOracleLayout(arriving.logSumExp, prepared.problem, isPacked);
      const gradients = flashAttentionBackward(
        {
          ...{ queries, keys, values, output, logSumExp },
          outputGradient: tensor(arriving.output, output.shape, { device }),
          logSumExpGradient: tensor(totals, logSumExp.shape, { device }),
        },
        options,
      );
      return {
        queries: gradients.queries.dataSync(),
        keys: gradients.keys.dataSync(),
        values: gradients.values.dataSync(),
        bias: gradients.bias?.dataSync() ?? [],
        sinks: gradients.sinks?.dataSync() ?? [],
      };
    }),
  );
}

/** The inverse of {@link toOracleLayout}. */
function fromOracleLayout(
  values: ArrayLike<number>,
  problem: OracleProblem,
  isPacked: boolean,
): number[] {
  const places = toOracleLayout(
    Array.from(values, (_, index) => index),
    problem,
    isPacked,
  );
  const ordered = new Array<number>(values.length);
  places.forEach((place, index) => {
    ordered[place] = values[index]!;
  });
  return ordered;
}

/** `[H, total]` to `[H, Nq]` of each sequence; dense results have that order already. */
export function toOracleLayout(
  values: ArrayLike<number>,
  { lengths, heads }: OracleProblem,
  isPacked: boolean,
): number[] {
  if (!isPacked) return Array.from(values);
  const total = values.length / heads;
  const ordered: number[] = [];
  let start = 0;
  for (const [length] of lengths) {
    for (let head = 0; head < heads; head++) {
      for (let i = 0; i < length; i++) ordered.push(values[head * total + start + i]!);
    }
    start += length;
  }
  return ordered;
}

/** Half a unit in the last place of 1. */
const rounding = 2 ** -24;

/**
 * Fails unless `actual` is as near to the float64 oracle as twice the error of a plain float32
 * attention. Where chance leaves that hardly any error, `roundings` of the largest element are
 * allowed: 4 by default, 16 for gradients. Those start from a log-sum-exp that was rounded, and from
 * differences dP - D whose terms nearly cancel, so that the errors of two correct float32
 * computations are each drawn by lot.
 */
export function expectAccurate(
  what: string,
  actual: ArrayLike<number>,
  exact: ArrayLike<number>,
  plain: ArrayLike<number>,
  roundings = 4,
): void {
  expect(actual.length, what).toBe(exact.length);
  let plainError = 0;
  let largest = 0;
  let worst = { index: -1, error: 0 };
  for (let index = 0; index < exact.length; index++) {
    const [got, wanted] = [actual[index]!, exact[index]!];
    if (got === wanted) continue;
    if (!Number.isFinite(wanted) || !Number.isFinite(got)) {
      expect.fail(`${what}: element ${index} is ${got}, expected ${wanted}`);
    }
    plainError = Math.max(plainError, Math.abs(plain[index]! - wanted));
    largest = Math.max(largest, Math.abs(wanted));
    const error = Math.abs(got - wanted);
    if (error > worst.error) worst = { index, error };
  }
  const bound = Math.max(2 * plainError, roundings * rounding * largest);
  if (worst.error <= bound) return;
  const { index, error } = worst;
  expect.fail(
    `${what}: element ${index} is ${actual[index]}, expected ${exact[index]}: error ${error} exceeds ${bound}`,
  );
}

/** Oracle in float64 and plain attention in float32 of a case. */
export function references(
  problem: OracleProblem,
  arriving?: OracleGradients,
): { exact: OracleResult; plain: OracleResult } {
  return {
    exact: attend(problem, undefined, arriving),
    plain: attend(problem, float32, arriving),
  };
}

/** {@link expectAccurate} for the results of the forward pass. */
export function expectForward(
  actual: Pick<OracleResult, "output" | "logSumExp">,
  exact: OracleResult,
  plain: OracleResult,
): void {
  expectAccurate("output", actual.output, exact.output, plain.output);
  expectAccurate("log-sum-exp", actual.logSumExp, exact.logSumExp, plain.logSumExp);
}

/** {@link expectAccurate} for every gradient. */
export function expectBackward(
  actual: ReturnType<typeof backwardOn>,
  exact: OracleResult,
  plain: OracleResult,
  { bias, sinks }: OracleProblem,
): void {
  expectAccurate("dQ", actual.queries, exact.queryGradient, plain.queryGradient, 16);
  expectAccurate("dK", actual.keys, exact.keyGradient, plain.keyGradient, 16);
  expectAccurate("dV", actual.values, exact.valueGradient, plain.valueGradient, 16);
  if (bias) expectAccurate("dBias", actual.bias, exact.biasGradient, plain.biasGradient, 16);
  if (sinks) expectAccurate("dSinks", actual.sinks, exact.sinkGradient, plain.sinkGradient, 16);
}
