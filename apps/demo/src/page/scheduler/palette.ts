import { numColors } from "./owners";

/** Colours of the grid, as the style sheet has them now. */
export interface Palette {
  readonly owners: readonly string[];
  readonly cached: string;
  readonly free: string;
}

const ownerNames = Array.from({ length: numColors }, (_, index) => `--owner-${index}`);
const names = [...ownerNames, "--block-cached", "--block-free"];

/** Makes the colours known as colours, so that they can be read as what they are in a theme. */
export function registerPalette(): void {
  for (const name of names) {
    CSS.registerProperty({ name, syntax: "<color>", inherits: true, initialValue: "transparent" });
  }
}

export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name);
  return {
    owners: ownerNames.map(read),
    cached: read("--block-cached"),
    free: read("--block-free"),
  };
}
