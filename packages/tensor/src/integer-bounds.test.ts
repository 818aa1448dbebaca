import { describe, expect, it } from "vitest";
import { boundsOf, boundsWithout, unionOfBounds } from "./integer-bounds";

describe("bounds of integers", () => {
  it("hold every element, truncated as int32 does", () => {
    expect(boundsOf([])).toEqual({ minimum: 0, maximum: 0 });
    expect(boundsOf([2.9])).toEqual({ minimum: 2, maximum: 2 });
    expect(boundsOf([5, -3, 9, -3])).toMatchObject({ minimum: -3, maximum: 9 });
    expect(boundsOf([1, Number.NaN, 3]).minimum).toBeLessThanOrEqual(1);
  });

  it("are as tight as can be without the smallest or the largest", () => {
    const labels = boundsOf([3, -100, 7, -100, 0, 255]);
    expect(boundsWithout(labels, -100)).toEqual({ minimum: 0, maximum: 255 });
    expect(boundsWithout(labels, 255)).toEqual({ minimum: -100, maximum: 7 });
    expect(boundsWithout(labels, 3)).toEqual({ minimum: -100, maximum: 255 });
    expect(boundsWithout(boundsOf([-100, -100]), -100)).toEqual({ minimum: -100, maximum: -100 });
    expect(boundsWithout(undefined, 3)).toBeUndefined();
  });

  it("unite, and are unknown when one is", () => {
    const united = unionOfBounds({ minimum: 2, maximum: 3 }, { minimum: -1, maximum: 2 });
    expect(united).toEqual({ minimum: -1, maximum: 3 });
    expect(unionOfBounds(undefined, { minimum: 0, maximum: 0 })).toBeUndefined();
  });
});
