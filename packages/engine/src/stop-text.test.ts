import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StopText } from "./stop-text";

function run(stops: string[], pieces: string[], includesStop = false) {
  const filter = new StopText(stops, { includesStop });
  let text = "";
  for (const piece of pieces) {
    const output = filter.push(piece);
    text += output.text;
    if (output.stop !== undefined) return { text, stop: output.stop };
  }
  return { text: text + filter.flush(), stop: undefined };
}

describe("StopText", () => {
  it("lets text through at once when nothing can begin in it", () => {
    expect(new StopText(["END"]).push("hello").text).toBe("hello");
    expect(new StopText([]).push("hello").text).toBe("hello");
  });

  it("holds back what could become a stop text, and only that", () => {
    const filter = new StopText(["END"]);
    expect(filter.push("the E").text).toBe("the ");
    expect(filter.push("N").text).toBe("");
    expect(filter.push("!").text).toBe("EN!");
  });

  it("never lets a part of a stop text out", () => {
    expect(run(["\n\nUser:"], ["Yes.\n", "\nUs", "er", ": no"])).toEqual({
      text: "Yes.",
      stop: "\n\nUser:",
    });
    expect(run(["abab"], ["aab", "ab"])).toEqual({ text: "a", stop: "abab" });
  });

  it("counts the stop text that is complete first, the longest of those", () => {
    expect(run(["cde", "d"], ["abcdef"])).toEqual({ text: "abc", stop: "d" });
    expect(run(["d", "bcd"], ["abcdef"])).toEqual({ text: "a", stop: "bcd" });
  });

  it("can keep the stop text", () => {
    expect(run(["."], ["One. Two."], true)).toEqual({ text: "One.", stop: "." });
  });

  it("ignores what is complete before it may stop, but not what began before", () => {
    const filter = new StopText(["xy"]);
    expect(filter.push("axyb", false)).toEqual({ text: "axyb", stop: undefined });
    expect(filter.push("cx", false)).toEqual({ text: "c", stop: undefined });
    expect(filter.push("yz")).toEqual({ text: "", stop: "xy" });
    const kept = new StopText(["xyx"]);
    expect(kept.push("xyx", false).text).toBe("xy");
    expect(kept.push("yxq")).toEqual({ text: "", stop: "xyx" });
  });

  it("finds in pieces what it finds in the whole", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 30 });
    const stop = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        letters,
        fc.array(stop, { maxLength: 3 }),
        fc.array(fc.nat(5)),
        (text, stops, cuts) => {
          const pieces: string[] = [];
          let rest = text;
          for (const cut of cuts) {
            pieces.push(rest.slice(0, cut));
            rest = rest.slice(cut);
          }
          pieces.push(rest);
          let expected = text;
          for (let end = 1; end <= text.length; end++) {
            const hit = stops
              .filter((candidate) => text.slice(0, end).endsWith(candidate))
              .sort((a, b) => b.length - a.length)[0];
            if (hit === undefined) continue;
            expected = text.slice(0, end - hit.length);
            break;
          }
          expect(run(stops, pieces).text).toBe(expected);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
