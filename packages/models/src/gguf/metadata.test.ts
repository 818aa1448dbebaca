import { describe, expect, it } from "vitest";
import { GgufError } from "../errors";
import { GgufMetadata } from "./metadata";

const metadata = new GgufMetadata(
  [
    ["text", "llama"],
    ["number", 30],
    ["large", 2n ** 60n],
    ["flag", false],
    ["strings", ["a", "b"]],
    ["numbers", Int32Array.of(1, -2)],
    ["largeNumbers", BigUint64Array.of(2n ** 60n)],
    ["flags", [true]],
  ],
  "tiny.gguf",
);

describe("GgufMetadata", () => {
  it("gives values by type", () => {
    expect(metadata.getString("text")).toBe("llama");
    expect(metadata.getNumber("number")).toBe(30);
    expect(metadata.getBoolean("flag")).toBe(false);
    expect(metadata.getStringArray("strings")).toEqual(["a", "b"]);
    expect(metadata.getNumberArray("numbers")).toEqual(Int32Array.of(1, -2));
    expect(metadata.get("large")).toBe(2n ** 60n);
    expect(metadata.get("absent")).toBeUndefined();
    expect([metadata.has("flag"), metadata.has("absent")]).toEqual([true, false]);
    expect(metadata.size).toBe(8);
    expect([...metadata.keys()].slice(0, 2)).toEqual(["text", "number"]);
  });

  it("gives the default for a missing key only", () => {
    expect(metadata.getString("absent", "gpt2")).toBe("gpt2");
    expect(metadata.getNumber("absent", 32)).toBe(32);
    expect(metadata.getBoolean("absent", true)).toBe(true);
    expect(metadata.getStringArray("absent", [])).toEqual([]);
    expect(metadata.getNumberArray("absent", Int8Array.of(1))).toEqual(Int8Array.of(1));
    expect(() => metadata.getNumber("text", 32)).toThrow(GgufError);
  });

  it("names a missing key", () => {
    for (const get of ["getString", "getNumber", "getBoolean", "getNumberArray"] as const) {
      expect(() => metadata[get]("absent", undefined)).toThrow(
        'tiny.gguf: the metadata have no "absent"; use a file that has it',
      );
    }
  });

  it.each([
    ["number", () => metadata.getString("number"), "the number 30, not a string"],
    ["text", () => metadata.getNumber("text"), 'the string "llama", not a number up to 2^53'],
    ["large", () => metadata.getNumber("large"), "the bigint 1152921504606846976, not a number"],
    ["number", () => metadata.getBoolean("number"), "the number 30, not a boolean"],
    ["numbers", () => metadata.getStringArray("numbers"), "an array of 2 numbers, not an array"],
    ["flags", () => metadata.getStringArray("flags"), "an array of 1 booleans, not an array"],
    ["strings", () => metadata.getNumberArray("strings"), "an array of 2 strings, not an array"],
    ["largeNumbers", () => metadata.getNumberArray("largeNumbers"), "not an array of numbers up"],
  ])("names the key and both types: %s", (key, get, expected) => {
    expect(get).toThrow(GgufError);
    expect(get).toThrow(`the metadata key "${key}" holds`);
    expect(get).toThrow(expected);
  });
});
