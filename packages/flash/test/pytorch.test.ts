import { tensor, tidy } from "@x/tensor";
import { describe, expect, it } from "vitest";
import { readSafetensors } from "../../../tools/testing/read-safetensors";
import { flashAttentionBackward, flashAttentionWithLogSumExp } from "../src/index";
import { gpujsCases, simdCases } from "./support/devices";

const fixture = readSafetensors(new URL("fixtures/flash-attention.safetensors", import.meta.url));
const cases: Record<string, { causal?: boolean; scale?: number; bias?: boolean }> = JSON.parse(
  fixture.metadata.cases!,
);

/** float64 results rounded once, against float32 sums: for each unit of the largest element. */
const tolerance = 6e-6;

function expectClose(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>) {
  expect(actual.length, what).toBe(expected.length);
  const largest = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  for (let index = 0; index < expected.length; index++) {
    expect(Number.isFinite(actual[index]), what).toBe(true);
    const error = Math.abs(actual[index]! - expected[index]!);
    expect(error, `${what}, element ${index}`).toBeLessThan(tolerance * largest);
  }
}

describe.each([...gpujsCases, ...simdCases])("PyTorch on $label", ({ create }) => {
  it.each(Object.entries(cases))("%s", async (name, { causal = false, scale, bias = false }) => {
    using device = await create();
    tidy(() => {
      const load = (key: string) => {
        const { values, shape } = fixture.tensor(`${name}.${key}`);
        return tensor(values, shape, { device });
      };
      const operands = { queries: load("queries"), keys: load("keys"), values: load("values") };
      const options = {
        causal,
        ...(scale !== undefined && { scale }),
        ...(bias && { bias: load("bias") }),
      };
      const { queries, keys, values } = operands;
      const result = flashAttentionWithLogSumExp(queries, keys, values, options);
      const outputGradient = load("output_gradient");
      const gradients = flashAttentionBackward({ ...operands, ...result, outputGradient }, options);
      expectClose("output", result.output.dataSync(), fixture.tensor(`${name}.output`).values);
      for (const [operand, gradient] of Object.entries(gradients)) {
        const expected = fixture.tensor(`${name}.${operand}_gradient`).values;
        expectClose(operand, gradient.dataSync(), expected);
      }
    });
  });
});
