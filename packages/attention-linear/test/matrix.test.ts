import { createDevice, type Device, normalNumbers } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pairwise } from "../../../tools/testing/pairwise";
import type { RecurrenceForm } from "../src/index";
import { makeOperands, members } from "./support/members";
import { naiveGradients } from "./support/naive-gradients";
import { naiveRecurrence } from "./support/naive-recurrence";
import { relativeError } from "./support/relative-error";
import { runGradients } from "./support/run-gradients";

/** Every pair of two of these occurs. */
const cases = pairwise({
  time: [1, 15, 63, 64, 75, 100, 500, 1024],
  member: members,
  plan: ["recurrent", "parallel", 1, 16, 63, 64] as (RecurrenceForm | number)[],
  key: [16, 60, 64, 128],
  value: [5, 16, 64],
  heads: [1, 2],
});

describe("output, final state and all gradients against float64", () => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("wasm");
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    device.dispose();
  });

  it.each(cases.map((one) => ({ ...one, name: one.member.name })))(
    "$name by $plan: T $time, K $key, V $value, H $heads",
    ({ time, member, plan, key, value, heads }) => {
      const sizes = { batch: time > 100 ? 1 : 2, time, heads, key, value };
      const operands = makeOperands(member, sizes, time + key);
      const tokens = sizes.batch * time * heads;
      const weights = {
        output: normalNumbers(tokens * value, 8),
        state: normalNumbers(sizes.batch * heads * key * value, 9),
      };
      const expected = naiveRecurrence(operands);
      const [form, chunkSize] =
        typeof plan === "number" ? (["chunked", plan] as const) : ([plan, 64] as const);
      const actual = runGradients(device, member, operands, weights, form, chunkSize);
      expect(relativeError(actual.output, expected.output)).toBeLessThan(member.tolerance);
      expect(relativeError(actual.state, expected.state)).toBeLessThan(member.tolerance);
      const exact = naiveGradients(operands, weights.output, weights.state);
      for (const [name, gradient] of Object.entries(actual.gradients)) {
        let wanted = exact[name as keyof typeof exact];
        if (name === "logDecay" && member.decay !== "vector") wanted = sumOfRows(wanted, key);
        expect(relativeError(gradient, wanted), `gradient of ${name}`).toBeLessThan(
          member.tolerance,
        );
      }
    },
  );
});

/** The gate of a head has the gradients of all key elements. */
function sumOfRows(values: Float64Array, columns: number): Float64Array {
  return Float64Array.from({ length: values.length / columns }, (_, row) =>
    values.subarray(row * columns, (row + 1) * columns).reduce((sum, one) => sum + one, 0),
  );
}
