/** A set of Unicode code points: ascending, disjoint, not adjacent ranges, both ends included. */
export type CodePointSet = readonly (readonly [low: number, high: number])[];

const lastCodePoint = 0x10ffff;

/** The set of these ranges, in any order. */
export function codePoints(ranges: Iterable<readonly [low: number, high: number]>): CodePointSet {
  const sorted = [...ranges].sort((left, right) => left[0] - right[0]);
  const merged: [number, number][] = [];
  for (const [low, high] of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else merged.push([low, high]);
  }
  return merged;
}

/** The code points that are in any of `sets`. */
export function unionOf(...sets: readonly CodePointSet[]): CodePointSet {
  return codePoints(sets.flat());
}

/** The code points that are not in `set`. */
export function complementOf(set: CodePointSet): CodePointSet {
  const rest: [number, number][] = [];
  let next = 0;
  for (const [low, high] of set) {
    if (low > next) rest.push([next, low - 1]);
    next = high + 1;
  }
  if (next <= lastCodePoint) rest.push([next, lastCodePoint]);
  return rest;
}

/** The code points that are in both sets. */
export function intersectionOf(left: CodePointSet, right: CodePointSet): CodePointSet {
  return complementOf(unionOf(complementOf(left), complementOf(right)));
}

/** The code points of `left` that are not in `right`. */
export function differenceOf(left: CodePointSet, right: CodePointSet): CodePointSet {
  return complementOf(unionOf(complementOf(left), right));
}

/** Halves of UTF-16 pairs, which no UTF-8 text has. */
const surrogates: CodePointSet = [[0xd800, 0xdfff]];

/** All code points that a text can have. */
export const anyCodePoint: CodePointSet = complementOf(surrogates);

/** `\d` of JavaScript. */
export const digits: CodePointSet = [[0x30, 0x39]];

/** `\w` of JavaScript. */
export const wordCharacters: CodePointSet = codePoints([
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]);

/** `\s` of JavaScript: white space and line ends. */
export const spaces: CodePointSet = codePoints([
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
]);

/** What `.` of JavaScript leaves out. */
export const lineEnds: CodePointSet = codePoints([
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
]);

const properties = new Map<string, CodePointSet>();

/**
 * The code points with a Unicode property, as this JavaScript engine knows it.
 *
 * @param property - What stands in the braces of `\p{…}`: valid, and not of strings.
 */
export function unicodeProperty(property: string): CodePointSet {
  const known = properties.get(property);
  if (known !== undefined) return known;
  const runs = new RegExp(`\\p{${property}}+`, "gu");
  const ranges: [number, number][] = [];
  for (const [low, high] of anyCodePoint) {
    for (let start = low; start <= high; start = (start | 0xffff) + 1) {
      const text = consecutive(start, Math.min(start | 0xffff, high));
      const unitsEach = start > 0xffff ? 2 : 1;
      for (const { 0: run, index } of text.matchAll(runs)) {
        const first = start + index / unitsEach;
        ranges.push([first, first + run.length / unitsEach - 1]);
      }
    }
  }
  const set = codePoints(ranges);
  properties.set(property, set);
  return set;
}

/** The code points from `low` to `high`, which are of one plane, as text. */
function consecutive(low: number, high: number): string {
  const count = high - low + 1;
  if (low <= 0xffff) {
    return fromUtf16(Uint16Array.from({ length: count }, (_, offset) => low + offset));
  }
  const units = new Uint16Array(2 * count);
  for (let offset = 0; offset < count; offset += 1) {
    const rest = low + offset - 0x1_0000;
    units[2 * offset] = 0xd800 + (rest >> 10);
    units[2 * offset + 1] = 0xdc00 + (rest & 0x3ff);
  }
  return fromUtf16(units);
}

function fromUtf16(units: Uint16Array): string {
  const part = 0x4000;
  let text = "";
  for (let start = 0; start < units.length; start += part) {
    text += String.fromCharCode(...units.subarray(start, start + part));
  }
  return text;
}
