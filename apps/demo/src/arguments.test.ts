import { InvalidArgumentError } from "commander";
import { describe, expect, it } from "vitest";
import { numberParser } from "./arguments";

describe("numberParser", () => {
  const ranges = {
    maxTokens: { minimum: 1, integer: true },
    temperature: { minimum: 0, maximum: 2 },
    topP: { minimum: 0, maximum: 1, exclusiveMinimum: true },
  };

  it.each([
    ["maxTokens", "1", 1],
    ["maxTokens", "1e3", 1000],
    ["maxTokens", "+7", 7],
    ["temperature", "0", 0],
    ["temperature", ".5", 0.5],
    ["temperature", "2.", 2],
    ["topP", "1", 1],
    ["topP", "1e-6", 1e-6],
  ] as const)("takes %s %s", (name, text, expected) => {
    expect(numberParser(ranges[name])(text)).toBe(expected);
  });

  it.each([
    ["maxTokens", "0", "an integer of 1 or more"],
    ["maxTokens", "-1", "an integer of 1 or more"],
    ["maxTokens", "1.5", "an integer of 1 or more"],
    ["maxTokens", "1e300", "an integer of 1 or more"],
    ["temperature", "-0.1", "a number from 0 to 2"],
    ["temperature", "2.01", "a number from 0 to 2"],
    ["temperature", "NaN", "a number from 0 to 2"],
    ["temperature", "Infinity", "a number from 0 to 2"],
    ["temperature", "", "a number from 0 to 2"],
    ["temperature", " 1", "a number from 0 to 2"],
    ["temperature", "1,5", "a number from 0 to 2"],
    ["temperature", "0x1", "a number from 0 to 2"],
    ["temperature", "1e999", "a number from 0 to 2"],
    ["topP", "0", "a number above 0, up to 1"],
    ["topP", "1.1", "a number above 0, up to 1"],
  ] as const)("refuses %s %j", (name, text, range) => {
    const parse = () => numberParser(ranges[name])(text);
    expect(parse).toThrow(InvalidArgumentError);
    expect(parse).toThrow(`Use ${range}.`);
  });
});
