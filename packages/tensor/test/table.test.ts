import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../src/index";
import { deviceCases } from "./support/devices";
import { checkCase, checkGradients, hasLayout, operationTable } from "./tables";

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

describe.each(deviceCases)("the operation table on $label", ({ create, kernels }) => {
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
