import { normalNumbers } from "@x/tensor";
import { describe, expect, it } from "vitest";
import { gpujsCases, recordLaunches, simdCases } from "./support/devices";
import { makeOperands, members } from "./support/members";
import { naiveGradients } from "./support/naive-gradients";
import { naiveRecurrence } from "./support/naive-recurrence";
import { relativeError } from "./support/relative-error";
import { runGradients } from "./support/run-gradients";

describe.each([...gpujsCases, ...simdCases])("$label", ({ create, kernels }) => {
  it.each(members)("the step and its gradient equal float64: $name", async (member) => {
    using device = await create();
    // 7 tokens make stretches of 3; 21 values a wide strip, a narrow one and a single column.
    const sizes = { batch: 2, time: 7, heads: 2, key: 5, value: 21 };
    const operands = makeOperands(member, sizes, 2);
    const weights = {
      output: normalNumbers(2 * 7 * 2 * 21, 8),
      state: normalNumbers(2 * 2 * 5 * 21, 9),
    };
    const expected = naiveRecurrence(operands);
    const exact = naiveGradients(operands, weights.output, weights.state);
    const { result, records } = recordLaunches(device, () =>
      runGradients(device, member, operands, weights, "recurrent"),
    );
    expect(relativeError(result.output, expected.output)).toBeLessThan(1e-5);
    expect(relativeError(result.state, expected.state)).toBeLessThan(1e-5);
    for (const [name, gradient] of Object.entries(result.gradients)) {
      const wanted = exact[name as keyof typeof exact];
      const ratio = wanted.length / gradient.length;
      const sums = Float64Array.from(gradient, (_, row) =>
        wanted.subarray(row * ratio, (row + 1) * ratio).reduce((sum, one) => sum + one, 0),
      );
      expect(relativeError(gradient, sums), `gradient of ${name}`).toBeLessThan(1e-5);
    }
    for (const operation of ["linearRecurrence", "linearRecurrenceBackward"]) {
      expect(records).toContainEqual({ operation, implementation: kernels });
    }
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
  });
});
