import { describe, expect, it } from "vitest";
import { pairwise } from "../../../tools/testing/pairwise";
import {
  type AttentionCase,
  arrivingGradients,
  backwardOn,
  expectBackward,
  expectForward,
  forwardOn,
  prepare,
  references,
} from "./support/attention-case";
import { recordLaunches, simdCases } from "./support/devices";

const factors = {
  size: [1, 8, 32, 40, 59, 64, 80, 96, 128, 256],
  // The last ones are around the tile of 64 by 64.
  lengths: [
    [1, 1],
    [1, 239],
    [3, 799],
    [127, 513],
    [113, 203],
    [512, 256],
    [1023, 1024],
    [1024, 1023],
    [63, 63],
    [64, 64],
    [65, 65],
  ],
  causal: [false, true],
  window: [undefined, [7, 3], [130, 0]],
  softcap: [undefined, 15],
  alibi: [undefined, "shared", "per sequence"],
  heads: ["multi-head", "grouped", "multi-query"],
  varlen: [false, true],
  sinks: [false, true],
  values: ["as keys", "wider"],
} as const;

/** From this many pairs on, few heads, and gradients for small heads only: the oracle is slow. */
const manyPairs = 500_000;

/** `[H, Hkv]`. */
function headCounts(kind: "multi-head" | "grouped" | "multi-query", isLarge: boolean) {
  if (kind === "multi-head") return isLarge ? ([1, 1] as const) : ([2, 2] as const);
  if (kind === "grouped") return isLarge ? ([2, 1] as const) : ([4, 2] as const);
  return [2, 1] as const;
}

/** The lengths in question, with a zero-length sequence in every fifth place. */
function sequences([queries, keys]: readonly [number, number], varlen: boolean) {
  if (!varlen) return [[queries, keys]] as const;
  const shorter = [Math.ceil(queries / 3), Math.ceil(keys / 2)] as const;
  return [[5, 7], shorter, [1, 0], [queries, keys], [0, 0]] as const;
}

const cases = pairwise(factors).map((choice, index): [string, AttentionCase] => {
  const { size, lengths, causal, window, softcap, alibi, heads, varlen, sinks, values } = choice;
  const counts = headCounts(heads, lengths[0] * lengths[1] > manyPairs);
  const name = [
    ...[`D ${size}`, `${lengths.join("x")}`, causal && "causal", window && `window ${window}`],
    ...[softcap && "softcap", alibi && `alibi ${alibi}`, heads],
    ...[varlen && "varlen", sinks && "sinks", values === "wider" && "wider values"],
  ];
  return [
    name.filter(Boolean).join(", "),
    {
      ...{ causal, softcap, alibi, sinks, packed: varlen },
      lengths: sequences(lengths, varlen),
      heads: counts[0],
      kvHeads: counts[1],
      keySize: size,
      valueSize: values === "wider" ? size + 5 : size,
      left: window?.[0],
      right: window?.[1],
      seed: 1000 + 10 * index,
    },
  ];
});

describe("every pair of options in SIMD", () => {
  it.each(cases)("%s", async (_, given) => {
    const prepared = prepare(given);
    const [queries, keys] = given.lengths[given.packed ? 3 : 0]!;
    const isSlow = queries * keys > manyPairs && given.keySize > 80;
    const arriving = isSlow ? undefined : arrivingGradients(prepared, given.seed + 8);
    const { exact, plain } = references(prepared.problem, arriving);
    for (const { create, kernels } of simdCases) {
      using device = await create();
      const { records } = recordLaunches(device, () => {
        expectForward(forwardOn(device, prepared), exact, plain);
        if (arriving === undefined) return;
        expectBackward(backwardOn(device, prepared, arriving), exact, plain, prepared.problem);
      });
      expect(records.filter(({ implementation }) => implementation !== kernels)).toEqual([]);
    }
  });
});
