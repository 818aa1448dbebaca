import { expect, it } from "vitest";
import { speckEncrypt, speckRoundKeys } from "./speck";

it("encrypts the test vector of the Speck paper", () => {
  const keys = speckRoundKeys([0x1918, 0x1110, 0x0908, 0x0100]);
  expect(speckEncrypt([0x6574, 0x694c], keys)).toEqual([0xa868, 0x42f2]);
});
