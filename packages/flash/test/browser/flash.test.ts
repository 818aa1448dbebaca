import { createDevice, tensor, tidy } from "@x/tensor";
import { describe, expect, it } from "vitest";
import { flashAttentionWithLogSumExp, flashDecode } from "../../src/index";
import { expectForward, forwardOn, prepare, references } from "../support/attention-case";
import { gpujsCases, recordLaunches, simdCases } from "../support/devices";
import { smallCases } from "../support/small-cases";

describe.each([...gpujsCases, ...simdCases])("in a browser, $label", ({ create, kernels }) => {
  it.each(smallCases)("%s", async (_, given) => {
    using device = await create();
    const prepared = prepare(given);
    const { exact, plain } = references(prepared.problem);
    const { result, records } = recordLaunches(device, () => forwardOn(device, prepared));
    expectForward(result, exact, plain);
    expect(records).toContainEqual({ operation: "flashAttention", implementation: kernels });
  });
});

it("decodes from pages in a browser", async () => {
  using device = await createDevice("wasm", { threads: 1 });
  tidy(() => {
    const rows = Float32Array.from({ length: 6 * 8 }, (_, index) => Math.sin(index));
    const contiguous = tensor(rows, [1, 6, 1, 8], { device });
    const pool = tensor(
      [
        ...rows.subarray(32),
        ...new Float32Array(16),
        ...rows.subarray(0, 32),
        ...new Float32Array(32),
      ],
      [3, 4, 1, 8],
      { device },
    );
    const query = contiguous.slice(1, 5, 6);
    const paged = flashDecode(query, pool, pool, { blockTables: [[1, 0]], lengths: [6] });
    const { output } = flashAttentionWithLogSumExp(query, contiguous, contiguous);
    expect(paged.dataSync()).toEqual(output.dataSync());
  });
});
