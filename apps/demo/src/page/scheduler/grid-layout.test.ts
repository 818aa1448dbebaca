import { describe, expect, it } from "vitest";
import { cellIndexAt, cellSquare, gridHeight, layOutGrid } from "./grid-layout";

describe("layOutGrid", () => {
  it.each([1, 7, 363, 1500, 6000])("keeps %i cells apart and within the width", (count) => {
    const width = 352;
    const layout = layOutGrid(count, width);
    const squares = Array.from({ length: count }, (_, index) => cellSquare(layout, index));
    for (const [index, { x, y, side }] of squares.entries()) {
      expect(side).toBeGreaterThan(1);
      expect(x + side).toBeLessThanOrEqual(width);
      expect(y + side).toBeLessThanOrEqual(gridHeight(layout));
      const next = squares[index + 1];
      if (next !== undefined && next.y === y) expect(next.x).toBeGreaterThan(x + side);
      // The middle of every cell finds the cell again.
      expect(cellIndexAt(layout, count, x + side / 2, y + side / 2)).toBe(index);
    }
  });

  it("keeps the pool of the default server on a screen", () => {
    expect(gridHeight(layOutGrid(363, 352))).toBeLessThanOrEqual(320);
  });

  it("finds nothing beside the cells", () => {
    const layout = layOutGrid(10, 100);
    expect(cellIndexAt(layout, 10, -1, 5)).toBeUndefined();
    expect(cellIndexAt(layout, 10, 5, 500)).toBeUndefined();
    expect(cellIndexAt(layout, 10, 110, 5)).toBeUndefined();
  });
});
