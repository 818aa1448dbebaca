import { describe, expect, it } from "vitest";
import {
  arrivingGradients,
  backwardOn,
  expectBackward,
  expectForward,
  forwardOn,
  prepare,
  references,
} from "./support/attention-case";
import { gpujsCases, recordLaunches, simdCases } from "./support/devices";
import { smallCases } from "./support/small-cases";

describe.each([...gpujsCases, ...simdCases])("on $label", ({ create, kernels }) => {
  it.each(smallCases)("forward: %s", async (_, given) => {
    using device = await create();
    const prepared = prepare(given);
    const { exact, plain } = references(prepared.problem);
    const { result, records } = recordLaunches(device, () => forwardOn(device, prepared));
    expectForward(result, exact, plain);
    expect(records).toContainEqual({ operation: "flashAttention", implementation: kernels });
    expect(device.memory().tensors).toBe(0);
  });

  it.each(smallCases)("backward: %s", async (_, given) => {
    using device = await create();
    const prepared = prepare(given);
    const arriving = arrivingGradients(prepared, 90);
    const { exact, plain } = references(prepared.problem, arriving);
    const { result, records } = recordLaunches(device, () =>
      backwardOn(device, prepared, arriving),
    );
    expectBackward(result, exact, plain, prepared.problem);
    const operation = "flashAttentionBackward";
    expect(records).toContainEqual({ operation, implementation: kernels });
    expect(device.memory().tensors).toBe(0);
  });
});
