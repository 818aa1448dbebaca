import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { selectMass, selectTop } from "./select-top";

/** Small integers, so that ties are many and sums are exact. */
const logitsOf = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(-Infinity)), {
    minLength: 1,
    maxLength: 300,
  })
  .map((values) => Float32Array.from(values));

/** The plain definition: sort what is possible by logit, then by id. */
function sorted(logits: Float32Array): number[] {
  return [...logits.keys()]
    .filter((id) => logits[id] !== -Infinity)
    .sort((left, right) => logits[right]! - logits[left]! || left - right);
}

function ascending(candidates: Iterable<number>): number[] {
  return [...candidates].sort((left, right) => left - right);
}

describe("selectTop", () => {
  it("finds the set that sorting finds, ties by the lower id", () => {
    fc.assert(
      fc.property(logitsOf, fc.integer({ min: 1, max: 310 }), (logits, count) => {
        const candidates = new Int32Array(logits.length);
        const kept = selectTop(logits, candidates, count);
        const expected = sorted(logits).slice(0, count);
        expect(ascending(candidates.subarray(0, kept))).toEqual(ascending(expected));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it("finds few among many, whatever their order", () => {
    const length = 5000;
    const shapes: ((id: number) => number)[] = [(id) => id, (id) => -id, (id) => (id * 7919) % 101];
    for (const shape of shapes) {
      const logits = Float32Array.from({ length }, (_, id) => shape(id));
      for (const count of [1, 3, 40, 2468, 2469, 4999]) {
        const candidates = new Int32Array(length);
        expect(selectTop(logits, candidates, count)).toBe(count);
        const chosen = ascending(candidates.subarray(0, count));
        expect(chosen).toEqual(ascending(sorted(logits).slice(0, count)));
      }
    }
  });
});

describe("selectMass", () => {
  it("finds the fewest tokens that reach the mass, ties by the lower id", () => {
    fc.assert(
      fc.property(logitsOf, fc.integer({ min: 1, max: 32 }), (logits, part) => {
        const order = sorted(logits);
        fc.pre(order.length > 0);
        const weights = Float64Array.from(logits);
        const mass = (order.reduce((sum, id) => sum + weights[id]!, 0) * part) / 32;
        let expected = 0;
        for (let reached = 0; reached < mass; expected += 1) {
          reached += weights[order[expected]!]!;
        }
        const candidates = Int32Array.from(ascending(order));
        const count = selectMass(logits, weights, candidates, order.length, mass);
        expect(count).toBe(expected);
        const chosen = ascending(candidates.subarray(0, count));
        expect(chosen).toEqual(ascending(order.slice(0, count)));
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it("orders by the logits where the weights are equal", () => {
    const candidates = Int32Array.of(0, 1, 2);
    const count = selectMass(Float32Array.of(1, 3, 2), Float64Array.of(1, 1, 1), candidates, 3, 2);
    expect(ascending(candidates.subarray(0, count))).toEqual([1, 2]);
  });

  it("leaves candidates after the length alone", () => {
    const logits = Float32Array.of(1, 2, 3, 100);
    const candidates = Int32Array.of(0, 1, 2, 3);
    expect(selectMass(logits, Float64Array.from(logits), candidates, 3, 5)).toBe(2);
    expect(ascending(candidates.subarray(0, 2))).toEqual([1, 2]);
    expect(candidates[3]).toBe(3);
  });

  it("keeps one for no mass and all for too much", () => {
    const logits = Float32Array.of(1, 4, 2);
    const weights = Float64Array.from(logits);
    const candidates = Int32Array.of(0, 1, 2);
    expect(selectMass(logits, weights, candidates, 3, 0)).toBe(1);
    expect(candidates[0]).toBe(1);
    expect(selectMass(logits, weights, candidates, 3, 7.5)).toBe(3);
    const pair = Int32Array.of(1, 2);
    expect(selectMass(logits, weights, pair, 2, 0)).toBe(1);
    expect(pair[0]).toBe(1);
  });
});

describe("the number of logits that are looked at", () => {
  const length = 10_000;
  const shapes: ((id: number) => number)[] = [
    () => 1,
    (id) => id,
    (id) => -id,
    (id) => (id * 7919) % 10_007,
  ];

  function readsOf(logits: Float32Array, use: (logits: Float32Array) => void): number {
    let reads = 0;
    const counted = new Proxy(logits, {
      get(target, key) {
        reads += 1;
        return Reflect.get(target, key);
      },
    });
    use(counted);
    return reads;
  }

  it("is in proportion to the vocabulary, even when all are equal or sorted", () => {
    for (const shape of shapes) {
      const logits = Float32Array.from({ length }, (_, id) => shape(id));
      const reads = readsOf(logits, (counted) => {
        const weights = new Float64Array(length).fill(1);
        selectMass(counted, weights, Int32Array.from(logits.keys()), length, length / 3);
        selectTop(counted, new Int32Array(length), 500);
      });
      expect(reads).toBeLessThan(40 * length);
    }
  });

  it("is hardly more than the vocabulary for a small top-k", () => {
    const logits = Float32Array.from({ length }, (_, id) => (id * 7919) % 10_007);
    const reads = readsOf(logits, (counted) => selectTop(counted, new Int32Array(length), 10));
    // One for each logit and for each turn of the loop.
    expect(reads).toBeLessThan(2.5 * length);
  });
});
