import { afterAll, beforeAll, expect, it } from "vitest";
import type { Device } from "../../src/index";
import { type DeviceCase, describeOn, gpuCases } from "../support/devices";
import { checkCase, type Ran } from "./check-case";
import { checkGradients } from "./check-gradients";
import { operationTable } from "./index";
import { hasLayout, type Layout, type OperationCase } from "./operation-case";

/** A case in one of its layouts. */
interface TableRun {
  readonly operationCase: OperationCase;
  readonly layout: Layout;
  readonly name: string;
}

const layoutsOf = ({ layouts = ["contiguous"], operands }: OperationCase) =>
  layouts.filter(
    (layout) => layout === "contiguous" || operands.some((operand) => hasLayout(operand, layout)),
  );

/** Every case in every layout that differs for it. */
export const tableRuns: readonly TableRun[] = operationTable.flatMap((operationCase) =>
  layoutsOf(operationCase).map((layout) => ({
    operationCase,
    layout,
    name: `${operationCase.operation}: ${operationCase.label}, ${layout}`,
  })),
);

/**
 * Runs the operation table on `deviceCase`, results and gradients, and asserts that the device's own
 * kernel ran wherever it has one.
 *
 * @param onRan - Told which implementation ran.
 */
export function tableSuite(
  deviceCase: DeviceCase,
  onRan?: (operationCase: OperationCase, ran: Ran) => void,
): void {
  const withDevice = ({ create }: DeviceCase): (() => Device) => {
    let device: Device;
    beforeAll(async () => {
      device = await create();
    });
    afterAll(() => {
      expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
      device.dispose();
    });
    return () => device;
  };

  describeOn(deviceCase, "the operation table", () => {
    const device = withDevice(deviceCase);
    it.each(tableRuns)("$name", async ({ operationCase, layout }) => {
      const ran = await checkCase(operationCase, layout, device());
      onRan?.(operationCase, ran);
      if (ran === "host") return;
      const kernel = operationCase.kernel ?? operationCase.operation;
      // Nothing to add up, or integers, may be left to gpu.js.
      const isFloat = operationCase.operands.every(
        ({ dtype, values }) => dtype === "float32" && values.length > 0,
      );
      if (device().implementationOf(kernel) === undefined) expect(ran).toBe("gpujs");
      else if (isFloat) expect(ran).toBe(deviceCase.kernels);
      if (isFloat && gpuCases.includes(deviceCase)) {
        expect(ran).toBe(deviceCase.implementationOf(kernel));
      }
    });
  });

  const differentiable = tableRuns.filter(({ operationCase }) => operationCase.differentiable);
  describeOn(deviceCase, "gradients of the operation table", () => {
    const device = withDevice(deviceCase);
    it.each(differentiable)("$name", ({ operationCase, layout }) =>
      checkGradients(operationCase, layout, device()),
    );
  });
}
