import { readFileSync } from "node:fs";
import { type FixtureFile, parseSafetensors } from "./parse-safetensors";

/** Reads a file of test/fixtures, in Node. */
export function readFixture(name: string): FixtureFile {
  return parseSafetensors(
    readFileSync(new URL(`../fixtures/${name}.safetensors`, import.meta.url)),
  );
}
