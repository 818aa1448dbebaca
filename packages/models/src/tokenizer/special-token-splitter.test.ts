import { expect, it } from "vitest";
import { SpecialTokenSplitter } from "./special-token-splitter";

const splitter = new SpecialTokenSplitter(
  new Map([
    ["<a>", 1],
    ["<a><b>", 2],
    ["(.*)", 3],
    ["<b>", 4],
  ]),
);

it("finds tokens leftmost first, then longest", () => {
  expect(splitter.split("x<a>y")).toEqual(["x", 1, "y"]);
  expect(splitter.split("<a><b><b><a>")).toEqual([2, 4, 1]);
  expect(splitter.split("<a")).toEqual(["<a"]);
  expect(splitter.split("")).toEqual([]);
});

it("takes the characters of a regular expression for themselves", () => {
  expect(splitter.split("anything (.*)")).toEqual(["anything ", 3]);
});

it("finds nothing without tokens", () => {
  expect(new SpecialTokenSplitter(new Map()).split("<a>")).toEqual(["<a>"]);
  expect(new SpecialTokenSplitter(new Map()).split("")).toEqual([]);
});
