import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Allocator } from "./allocator";

const limit = 1 << 20;

describe("Allocator", () => {
  it("never overlaps ranges, aligns them, and ends empty", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("allocate" as const), bytes: fc.nat(5000) }),
      fc.record({ kind: fc.constant("free" as const), which: fc.nat(1000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let capacity = 64;
        const allocator = new Allocator(64, capacity, limit * 16, (bytes) => {
          capacity = bytes;
        });
        const live: { offset: number; bytes: number }[] = [];
        for (const action of steps) {
          if (action.kind === "allocate") {
            const offset = allocator.allocate(action.bytes);
            expect(offset % 64).toBe(0);
            expect(offset).toBeGreaterThanOrEqual(64);
            expect(offset + action.bytes).toBeLessThanOrEqual(capacity);
            for (const other of live) {
              const apart =
                offset + action.bytes <= other.offset || other.offset + other.bytes <= offset;
              expect(apart).toBe(true);
            }
            live.push({ offset, bytes: Math.max(1, action.bytes) });
          } else if (live.length > 0) {
            const [range] = live.splice(action.which % live.length, 1);
            allocator.free(range!.offset);
          }
        }
        for (const { offset } of live) allocator.free(offset);
        expect(allocator.usedBytes).toBe(0);
        expect(allocator.allocate(10)).toBe(64);
      }),
      { numRuns: 300 },
    );
  });

  it("takes the smallest free range that fits and merges neighbours", () => {
    const allocator = new Allocator(0, limit, limit, () => {});
    const [large, , small, , last] = [256, 64, 128, 64, 64].map((size) => allocator.allocate(size));
    allocator.free(large!);
    allocator.free(small!);
    expect(allocator.allocate(100)).toBe(small);
    expect(allocator.allocate(200)).toBe(large);
    allocator.free(last!);
    expect(allocator.allocate(640)).toBe(last);
  });

  it("refuses what exceeds the limit, and stays as it was", () => {
    const allocator = new Allocator(0, 0, 1024, () => {});
    allocator.allocate(512);
    expect(() => allocator.allocate(1024)).toThrow(/out of memory: 1024 bytes more/);
    expect(allocator.usedBytes).toBe(512);
    expect(allocator.allocate(512)).toBe(512);
  });

  it("ignores a second free", () => {
    const allocator = new Allocator(0, limit, limit, () => {});
    const offset = allocator.allocate(64);
    allocator.free(offset);
    allocator.free(offset);
    expect(allocator.usedBytes).toBe(0);
  });
});
