import { createDevice, type Device, type Tensor, tidy } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gatedRecurrence } from "../src/gated-recurrence";
import { makeOperands, members, toTensors } from "./support/members";
import { type NaiveOperands, naiveRecurrence } from "./support/naive-recurrence";
import { relativeError } from "./support/relative-error";

describe.each(members)("$name", (member) => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("wasm");
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    device.dispose();
  });

  const run = (
    operands: NaiveOperands,
    form: "recurrent" | "chunked" | "parallel",
    chunkSize: number,
  ) =>
    tidy(() => {
      const { initialState, ...rest } = toTensors(operands, member, device);
      const result = gatedRecurrence("test", rest, { form, chunkSize, initialState });
      return { output: result.output.dataSync(), state: result.finalState.dataSync() };
    });

  it("stays finite and right under the strongest decay and near 0", () => {
    const sizes = { batch: 1, time: 40, heads: 2, key: 8, value: 4 };
    for (const strength of [0, 20, 200]) {
      const operands = makeOperands(member, sizes, 3, strength);
      const expected = naiveRecurrence(operands);
      for (const form of ["recurrent", "chunked", "parallel"] as const) {
        const { output } = run(operands, form, 16);
        expect(relativeError(output, expected.output)).toBeLessThan(member.tolerance);
      }
    }
  });

  it("continues from any split", () => {
    const sizes = { batch: 1, time: 50, heads: 2, key: 12, value: 6 };
    const operands = makeOperands(member, sizes, 5);
    const whole = naiveRecurrence(operands);
    for (const split of [1, 17, 32, 49]) {
      const joined = tidy(() => {
        const { initialState, ...rest } = toTensors(operands, member, device);
        const part = (from: number, to: number, state: Tensor) => {
          const cut = (one: Tensor | undefined) => one?.slice(1, from, to);
          return gatedRecurrence(
            "test",
            {
              queries: rest.queries.slice(1, from, to),
              keys: rest.keys.slice(1, from, to),
              values: rest.values.slice(1, from, to),
              logDecay: cut(rest.logDecay),
              beta: cut(rest.beta),
            },
            { chunkSize: 16, initialState: state },
          );
        };
        const first = part(0, split, initialState);
        const second = part(split, 50, first.finalState);
        return [...first.output.dataSync(), ...second.output.dataSync()];
      });
      expect(relativeError(joined, whole.output)).toBeLessThan(member.tolerance);
    }
  });
});
