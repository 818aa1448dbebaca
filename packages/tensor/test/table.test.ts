import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../src/index";
import * as tensorLibrary from "../src/index";
import { deviceCases } from "./support/devices";
import { readSafetensors } from "./support/read-safetensors";
import {
  checkCase,
  checkGradients,
  hasLayout,
  operationDocument,
  operationTable,
  type Ran,
} from "./tables";

const layoutsOf = (one: (typeof operationTable)[number]) =>
  (one.layouts ?? ["contiguous"]).filter(
    (layout) =>
      layout === "contiguous" || one.operands.some((operand) => hasLayout(operand, layout)),
  );

const runs = operationTable.flatMap((operationCase) =>
  layoutsOf(operationCase).map((layout) => ({
    operationCase,
    layout,
    name: `${operationCase.operation}: ${operationCase.label}, ${layout}`,
  })),
);

/** By label of the device, what ran for each operation. */
const ranByDevice = new Map<string, Map<string, Set<Ran>>>();
let casesRun = 0;

describe.each(deviceCases)("the operation table on $label", ({ label, create, kernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await create();
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
    device.dispose();
  });

  it.each(runs)("$name", async ({ operationCase, layout }) => {
    const ran = await checkCase(operationCase, layout, device);
    const byOperation = ranByDevice.get(label) ?? new Map<string, Set<Ran>>();
    ranByDevice.set(label, byOperation);
    const { operation } = operationCase;
    byOperation.set(operation, (byOperation.get(operation) ?? new Set()).add(ran));
    casesRun++;
    if (ran === "host") return;
    const kernel = operationCase.kernel ?? operationCase.operation;
    const isFloat = operationCase.operands.every(({ dtype }) => dtype === "float32");
    const hasKernel = device.implementationOf(kernel) !== undefined;
    if (!hasKernel) expect(ran).toBe("gpujs");
    else if (isFloat) expect(ran).toBe(kernels);
  });
});

const differentiable = runs.filter(({ operationCase }) => operationCase.differentiable);

describe.each(deviceCases)("gradients of the operation table on $label", ({ create }) => {
  let device: Device;
  beforeAll(async () => {
    device = await create();
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
    device.dispose();
  });

  it.each(differentiable)("$name", ({ operationCase, layout }) =>
    checkGradients(operationCase, layout, device),
  );
});

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
  "grad",
  "gradientOf",
  "isBlockDType",
  "keep",
  "noGrad",
  "requireGrad",
  "tidy",
  "valueAndGrad",
  "warmupCosine",
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
    if (casesRun < runs.length * deviceCases.length) skip();
    const withPyTorch = new Set(
      [...readSafetensors("torch-tensor.safetensors").names, "rotaryEmbedding.input.0"]
        .filter((name) => name.endsWith(".input.0"))
        .map((name) => name.split(".")[0]!),
    );
    await expect(operationDocument(operationTable, ranByDevice, withPyTorch)).toMatchFileSnapshot(
      "../../../docs/guide/tensor-operations.md",
    );
  });
});
