import { afterAll, beforeAll, expect, it } from "vitest";
import { type Device, tensor } from "../../src/index";
import { sliceOf } from "../../src/ops/operation";
import { Tensor } from "../../src/tensor";
import { expectAllClose } from "../support/all-close";
import { type DeviceCase, describeOn } from "../support/devices";

const inf = Number.POSITIVE_INFINITY;
const lefts = [1.5, -2.25, 0, -0.5, 3, Number.NaN, inf, -inf, 1e-3, -1e-5, 80, -90, 7, -1, 1000.5];
const rights = [2, 0.5, -1, 3, 0, 1, 2, -3, 0.25, 7, -inf, inf, Number.NaN, 2, -3];

/** Expressions in `x` and `y` that mean the same to JavaScript and to a kernel. */
const expressions = [
  ...[
    "exp",
    "expm1",
    "log",
    "log1p",
    "sqrt",
    "sin",
    "cos",
    "tanh",
    "abs",
    "floor",
    "ceil",
    "sign",
  ].map((name) => `Math.${name}(x)`),
  "Math.pow(x, y)",
  "Math.max(x, y)",
  "Math.min(x, y)",
  "x + y",
  "x - y",
  "x * y",
  "x / y",
  "x % y",
  "-x",
  "x !== x ? 1 : 0",
  "x === x ? 1 : 0",
  "x !== y ? 1 : 0",
  "x === y ? 1 : 0",
  "x < y ? 1 : 0",
  "x >= y ? 1 : 0",
  "x > -Infinity ? x : -Infinity",
  "Infinity",
];

/**
 * The arithmetic of kernels on `deviceCase` is JavaScript's, NaN and infinities included, whatever
 * the GPU's own does with them.
 */
export function arithmeticSuite(deviceCase: DeviceCase): void {
  describeOn(deviceCase, "arithmetic", ({ create }) => {
    let device: Device;
    beforeAll(async () => {
      device = await create();
    });
    afterAll(() => {
      expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
      device.dispose();
    });

    it.each(expressions)("%s", async (expression) => {
      const count = lefts.length;
      using x = tensor(lefts, [count], { device });
      using y = tensor(rights, [count], { device });
      using result = Tensor.allocate(device, "float32", [count]);
      device.launch(
        {
          name: expression,
          source: `function (left, right) {
            const x = left[this.thread.x];
            const y = right[this.thread.x];
            return ${expression};
          }`,
          parameters: ["array", "array"],
        },
        [
          { slice: sliceOf(x), sizes: [count] },
          { slice: sliceOf(y), sizes: [count] },
        ],
        [count],
        sliceOf(result),
      );
      const inJavaScript = new Function("x", "y", `return ${expression};`);
      const expected = lefts.map((left, index) =>
        Math.fround(inJavaScript(Math.fround(left), Math.fround(rights[index]!))),
      );
      expectAllClose(await result.data(), expected, { absolute: 1e-30, relative: 5e-6 });
    });
  });
}
