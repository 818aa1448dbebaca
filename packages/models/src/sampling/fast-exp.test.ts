import { expect, it } from "vitest";
import { fastExp } from "./fast-exp";

it("equals the exponential to 1e-13", () => {
  let worst = 0;
  for (let step = 0; step < 200_000; step += 1) {
    const x = -((step / 200_000) ** 3) * 707.9;
    worst = Math.max(worst, Math.abs(fastExp(x) / Math.exp(x) - 1));
  }
  expect(worst).toBeLessThan(1e-13);
});

it("is exact at 0 and 0 where the exponential vanishes", () => {
  expect(fastExp(0)).toBe(1);
  expect(fastExp(-0)).toBe(1);
  expect(fastExp(-709)).toBe(0);
  expect(fastExp(-Infinity)).toBe(0);
});
