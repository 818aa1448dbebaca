import { describe, expect, it } from "vitest";
import { InvalidArgumentError } from "../errors";
import { resolveSamplingOptions, type SamplingOptions } from "./sampling-options";

describe("resolveSamplingOptions", () => {
  it("has defaults that change no probability", () => {
    const { seed, ...rest } = resolveSamplingOptions({ temperature: undefined });
    expect(rest).toEqual({ temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 });
    expect(Number.isSafeInteger(seed)).toBe(true);
    expect(resolveSamplingOptions({}).seed).not.toBe(seed);
  });

  it("takes the ends of every range", () => {
    const options = {
      temperature: 0,
      topK: 0,
      topP: 1e-9,
      minP: 1,
      repetitionPenalty: 1e-3,
      seed: Number.MAX_SAFE_INTEGER,
    };
    expect(resolveSamplingOptions(options)).toEqual(options);
  });

  it.each<[keyof SamplingOptions, unknown[], string]>([
    ["temperature", [-0.1, Number.NaN, Infinity, "1", null], "of 0 or more"],
    ["topK", [-1, 1.5, Number.NaN, Infinity, "5"], "of 0 or more, and whole"],
    ["topP", [0, -0.1, 1.1, Number.NaN, "0.5"], "above 0 and up to 1"],
    ["minP", [-0.1, 1.1, Number.NaN, "0.5"], "from 0 to 1"],
    ["repetitionPenalty", [0, -1, Number.NaN, Infinity, "1"], "above 0"],
    ["seed", [-1, 0.5, 2 ** 53, Number.NaN, "1"], "from 0 to 2^53 - 1"],
  ])("rejects %s outside its range", (name, values, range) => {
    for (const value of values) {
      const resolve = () => resolveSamplingOptions({ [name]: value });
      expect(resolve, String(value)).toThrow(InvalidArgumentError);
      expect(resolve).toThrow(`${name} is ${value}; use a finite number ${range}`);
    }
  });
});
