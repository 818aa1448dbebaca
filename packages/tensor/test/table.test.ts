import { describe, expect, it } from "vitest";
import * as tensorLibrary from "../src/index";
import { deviceCases, hostCases } from "./support/devices";
import { readFixture } from "./support/read-fixture";
import { operationTable } from "./tables";
import type { Ran } from "./tables/check-case";
import { operationDocument } from "./tables/operation-document";
import { tableRuns, tableSuite } from "./tables/table-suite";

/** By label of the device, what ran for each operation. */
const ranByDevice = new Map<string, Map<string, Set<Ran>>>();
let hostRuns = 0;

for (const deviceCase of deviceCases) {
  const byOperation = new Map<string, Set<Ran>>();
  ranByDevice.set(deviceCase.label, byOperation);
  tableSuite(deviceCase, ({ operation }, ran) => {
    byOperation.set(operation, (byOperation.get(operation) ?? new Set()).add(ran));
    if (hostCases.includes(deviceCase)) hostRuns++;
  });
}

/** Exports that are no operations: devices, scopes, gradients, training, errors. */
const otherExports = [
  "availableDevices",
  "backward",
  "byteLengthOf",
  "bytesOf",
  "checkpoint",
  "clearGradients",
  "clipByGlobalNorm",
  "clipByValue",
  "createDevice",
  "customGradient",
  "dtypeLayout",
  "empty",
  "format",
  "grad",
  "init",
  "memory",
  "gradientOf",
  "gpujsVersion",
  "isBlockDType",
  "keep",
  "noGrad",
  "normalNumbers",
  "openSafetensors",
  "requireGrad",
  "safetensorsChunks",
  "setWarningHandler",
  "tidy",
  "valueAndGrad",
  "warmupCosine",
  "writeSafetensors",
];
/** Random numbers have a test of their own. */
const randomExports = ["normal", "uniform"];

describe("the table", () => {
  it("has every exported operation", () => {
    const functions = Object.entries(tensorLibrary)
      .filter(([name, value]) => typeof value === "function" && /^[a-z]/.test(name))
      .map(([name]) => name);
    const inTable = new Set(operationTable.map(({ operation }) => operation));
    const missing = functions.filter(
      (name) => ![...otherExports, ...randomExports].includes(name) && !inTable.has(name),
    );
    expect(missing).toEqual([]);
  });

  it("tells its cases apart", () => {
    const names = operationTable.map(({ operation, label }) => `${operation}: ${label}`);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it("is what the guide says", async ({ skip }) => {
    // A filtered run has not seen everything.
    if (hostRuns < tableRuns.length * hostCases.length) skip();
    const withPyTorch = new Set(
      [...readFixture("torch-tensor").names, "rotaryEmbedding.input.0"]
        .filter((name) => name.endsWith(".input.0"))
        .map((name) => name.split(".")[0]!),
    );
    await expect(operationDocument(operationTable, ranByDevice, withPyTorch)).toMatchFileSnapshot(
      "../../../docs/guide/tensor-operations.md",
    );
  });
});
