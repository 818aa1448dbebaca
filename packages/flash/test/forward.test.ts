import { describe, expect, it } from "vitest";
import {
  type AttentionCase,
  expectAccurate,
  forwardOn,
  prepare,
  references,
} from "./support/attention-case";
import { gpujsCases, recordLaunches, simdCases } from "./support/devices";

const base: AttentionCase = {
  lengths: [[9, 13]],
  packed: false,
  heads: 4,
  kvHeads: 2,
  keySize: 8,
  valueSize: 12,
  causal: false,
  seed: 1,
};

const small: Record<string, Partial<AttentionCase>> = {
  plain: {},
  causal: { causal: true },
  "causal, more queries than keys": { causal: true, lengths: [[13, 9]] },
  window: { left: 3, right: 2 },
  "causal window": { causal: true, left: 4 },
  softcap: { softcap: 2 },
  alibi: { alibi: "shared", causal: true },
  "alibi per sequence": {
    alibi: "per sequence",
    lengths: [
      [9, 13],
      [9, 13],
    ],
  },
  sinks: { sinks: true },
  "sinks, empty rows": { sinks: true, causal: true, lengths: [[13, 9]] },
  bias: {
    bias: [false, false, false, false],
    lengths: [
      [9, 13],
      [9, 13],
    ],
  },
  "broadcast bias": {
    bias: [true, false, true, false],
    lengths: [
      [9, 13],
      [9, 13],
    ],
  },
  mask: { mask: [true, true, false, false] },
  "full mask": {
    mask: [false, false, false, false],
    lengths: [
      [9, 13],
      [9, 13],
    ],
  },
  dropout: {
    dropout: 0.3,
    lengths: [
      [9, 13],
      [9, 13],
    ],
  },
  packed: {
    packed: true,
    lengths: [
      [9, 13],
      [0, 5],
      [4, 0],
      [1, 1],
      [17, 3],
    ],
    causal: true,
  },
  everything: {
    lengths: [
      [9, 13],
      [9, 13],
    ],
    causal: true,
    left: 5,
    softcap: 3,
    alibi: "per sequence",
    sinks: true,
    bias: [false, true, false, false],
    mask: [true, false, true, false],
    dropout: 0.2,
  },
};

describe.each([...gpujsCases, ...simdCases])("flashAttention on $label", ({ create, kernels }) => {
  it.each(Object.entries(small))("%s", async (_, change) => {
    using device = await create();
    const prepared = prepare({ ...base, ...change });
    const { exact, plain } = references(prepared.problem);
    const { result, records } = recordLaunches(device, () => forwardOn(device, prepared));
    expectAccurate("output", result.output, exact.output, plain.output);
    expectAccurate("log-sum-exp", result.logSumExp, exact.logSumExp, plain.logSumExp);
    expect(records).toContainEqual({ operation: "flashAttention", implementation: kernels });
    expect(device.memory().tensors).toBe(0);
  });
});
