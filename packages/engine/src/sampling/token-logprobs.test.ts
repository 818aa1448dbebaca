import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { likeliest, logSumExp } from "./token-logprobs";

describe("likeliest", () => {
  it("equals a full sort, ties by id", () => {
    const logits = fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(logits, fc.nat(100), (values, count) => {
        const row = Float32Array.from(values);
        const expected = [...row.keys()]
          .sort((a, b) => (row[b] as number) - (row[a] as number) || a - b)
          .slice(0, count);
        expect(likeliest(row, count)).toEqual(expected);
      }),
    );
  });
});

describe("logSumExp", () => {
  it("neither overflows nor underflows", () => {
    expect(logSumExp(Float32Array.of(1000, 1000))).toBeCloseTo(1000 + Math.log(2), 6);
    expect(logSumExp(Float32Array.of(-1000, -1000))).toBeCloseTo(-1000 + Math.log(2), 6);
    expect(logSumExp(Float32Array.of(0, -Infinity))).toBeCloseTo(0, 6);
  });
});
