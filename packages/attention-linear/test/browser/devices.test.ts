import { createDevice, type DeviceName, normalNumbers, tensor, tidy } from "@x/tensor";
import { describe, expect, it } from "vitest";
import {
  gatedDeltaRule,
  linearAttention,
  lshAttention,
  type RecurrenceForm,
} from "../../src/index";

/** What each function gives on a device, as numbers. */
async function run(name: DeviceName, form: RecurrenceForm): Promise<number[][]> {
  using device = await createDevice(name);
  const make = (seed: number, ...shape: number[]) =>
    tensor(
      normalNumbers(
        shape.reduce((a, b) => a * b),
        seed,
      ),
      shape,
      { device },
    );
  const results = tidy(() => {
    const [q, k, v] = [make(1, 1, 11, 2, 6), make(2, 1, 11, 2, 6), make(3, 1, 11, 2, 5)];
    const beta = tensor(new Float32Array(22).fill(0.7), [1, 11, 2], { device });
    const gates = tensor(new Float32Array(22).fill(-0.2), [1, 11, 2], { device });
    const linear = linearAttention(q, k, v, { form, chunkSize: 4 });
    const delta = gatedDeltaRule(q, k, v, beta, gates, { form, chunkSize: 4 });
    const lsh = lshAttention(q, v, { bucketSize: 4, rounds: 2, seed: 1 });
    return [linear.output, linear.finalState, delta.output, delta.finalState, lsh];
  });
  return await Promise.all(
    results.map(async (one) => Array.from((await one.data()) as Float32Array)),
  );
}

describe("in a browser", () => {
  it.each(["recurrent", "chunked"] as const)("%s: every device gives the same", async (form) => {
    const expected = await run("cpu", form);
    for (const name of ["wasm", "webgpu"] as const) {
      const actual = await run(name, form);
      for (const [part, values] of expected.entries()) {
        expect(actual[part]!.length).toBe(values.length);
        for (const [index, value] of values.entries()) {
          expect(actual[part]![index], `${name}, ${part}, ${index}`).toBeCloseTo(value, 4);
        }
      }
    }
  });
});
