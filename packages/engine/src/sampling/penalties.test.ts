import { describe, expect, it } from "vitest";
import { applyPenalties } from "./penalties";

const none = { repetitionPenalty: 1, frequencyPenalty: 0, presencePenalty: 0 };

describe("applyPenalties", () => {
  it("changes nothing by default", () => {
    const logits = Float32Array.of(1, -1, 2);
    applyPenalties(logits, [0, 1, 2], 1, none);
    expect([...logits]).toEqual([1, -1, 2]);
  });

  it("divides positive and multiplies negative logits of prompt and answer, once each", () => {
    const logits = Float32Array.of(2, -2, 4, 4);
    applyPenalties(logits, [0, 1, 1, 2, 2], 2, { ...none, repetitionPenalty: 2 });
    expect([...logits]).toEqual([1, -4, 2, 4]);
  });

  it("counts only the answer for frequency and presence", () => {
    const logits = Float32Array.of(5, 5, 5, 5);
    applyPenalties(logits, [0, 0, 1, 2, 2], 2, {
      ...none,
      frequencyPenalty: 0.5,
      presencePenalty: 1,
    });
    expect([...logits]).toEqual([5, 3.5, 3, 5]);
  });
});
