import { expect, it } from "vitest";
import { formatHash } from "./prefix-cache";
import { sipHash } from "./sip-hash";

const key = Int32Array.of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c);

/** The bytes 0, 1, 2, … as little-endian words. */
function message(numBytes: number): Int32Array {
  return new Int32Array(Uint8Array.from({ length: numBytes }, (_, index) => index).buffer);
}

// openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:8 -in FILE SIPHASH
it.each([
  [0, "310e0edd47db6f72"],
  [4, "b7877127e09427cf"],
  [8, "6224939a79f5f593"],
  [12, "fbe50e86bc8f1e75"],
  [16, "db9bc2577fcc2a3f"],
  [60, "e1915f5cb1eca46c"],
  [72, "2ec80d5163bae548"],
])("equals OpenSSL's SipHash-2-4 of %i bytes", (numBytes, expected) => {
  const result = new Int32Array(2);
  sipHash(key, message(numBytes), numBytes / 4, result);
  const bytes = new Uint8Array(result.buffer);
  expect([...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")).toBe(expected);
});

it("prints the high half first", () => {
  expect(formatHash(-1, 0x0a)).toBe("0000000affffffff");
});
