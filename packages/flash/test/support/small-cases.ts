import type { AttentionCase } from "./attention-case";

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

const changes: Record<string, Partial<AttentionCase>> = {
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

/** Small cases, one for each option, by name. */
export const smallCases: readonly (readonly [string, AttentionCase])[] = Object.entries(
  changes,
).map(([name, change]) => [name, { ...base, ...change }]);
