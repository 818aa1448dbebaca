import { expect } from "vitest";
import {
  type Device,
  type KernelSet,
  keep,
  type LaunchRecord,
  type Tensor,
  tidy,
} from "../../src/index";
import { expectAllClose } from "../support/all-close";
import type { NdArray } from "../support/ndarray";
import { closeTolerance, type Layout, type OperationCase, store } from "./operation-case";

/** Which implementation computed a case, `host` where no kernel had to run. */
export type Ran = KernelSet | "host";

/** One array or several, as several. */
export function asList<One extends object>(results: One | readonly One[]): readonly One[] {
  return Array.isArray(results) ? (results as readonly One[]) : [results as One];
}

/**
 * Runs a case on a device and compares shapes, dtypes and elements with the oracle. Memory must be
 * back where it was.
 *
 * @returns The implementation that ran.
 */
export async function checkCase(
  operationCase: OperationCase,
  layout: Layout,
  device: Device,
): Promise<Ran> {
  const { operands, operation, tolerance = closeTolerance } = operationCase;
  const before = device.memory();
  const records: LaunchRecord[] = [];
  const results = tidy(() => {
    const inputs = operands.map((operand) => {
      const { stored, view } = store(operand, layout, device);
      return view(stored);
    });
    device.onLaunch = (record) => records.push(record);
    try {
      return asList<Tensor>(operationCase.run(inputs, device)).map((result) => keep(result));
    } finally {
      device.onLaunch = undefined;
    }
  });
  try {
    const expected = asList<NdArray>(operationCase.oracle(operands));
    const dtypes = operationCase.dtypes ?? expected.map(() => "float32");
    expect(results.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
    expect(results.map(({ dtype }) => dtype)).toEqual(dtypes);
    for (const [index, result] of results.entries()) {
      const wanted = expected[index]!.values;
      const isFloat = result.dtype === "float32";
      // What float64 holds beyond float32 is infinite in the result.
      const rounded = isFloat ? wanted.map(Math.fround) : wanted;
      expectAllClose(await result.data(), rounded, isFloat ? tolerance : {});
    }
  } finally {
    for (const result of results) result.dispose();
  }
  expect(device.memory()).toMatchObject({ tensors: before.tensors, bytes: before.bytes });
  return implementationOf(records, operationCase.kernel ?? operation, results);
}

function implementationOf(
  records: readonly LaunchRecord[],
  kernel: string,
  results: readonly Tensor[],
): Ran {
  if (kernel === "none") return "host";
  const launched = records.filter(({ operation }) => operation === kernel);
  const isEmpty = results.every(({ size }) => size === 0);
  if (launched.length === 0) {
    if (isEmpty) return "host";
    expect.fail(`${kernel} was not launched; ${records.map(({ operation }) => operation)} were`);
  }
  // Compositions launch a kernel several times; the last one gives the result.
  return launched.at(-1)!.implementation;
}
