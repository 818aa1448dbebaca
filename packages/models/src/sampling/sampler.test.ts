import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidArgumentError } from "../errors";
import { Sampler, type SamplingOptions } from "./sampler";

/** The exact probabilities, by the plain definition of each step in float64. */
function probabilities(
  logits: readonly number[],
  { temperature = 1, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 }: SamplingOptions,
  previous: readonly number[] = [],
): number[] {
  const penalized = logits.map((logit, id) => {
    if (!previous.includes(id)) return logit;
    return logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
  });
  let kept = softmax(penalized.map((logit) => logit / temperature));
  const largest = Math.max(...kept);
  kept = normalized(kept.map((p) => (p >= minP * largest ? p : 0)));
  const order = [...kept.keys()].sort((left, right) => kept[right]! - kept[left]! || left - right);
  if (topK > 0) {
    const chosen = new Set(order.slice(0, topK));
    kept = normalized(kept.map((p, id) => (chosen.has(id) ? p : 0)));
  }
  let mass = 0;
  const chosen = new Set<number>();
  for (const id of order) {
    if (mass < topP) chosen.add(id);
    mass += kept[id]!;
  }
  return normalized(kept.map((p, id) => (chosen.has(id) ? p : 0)));
}

function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  return normalized(logits.map((logit) => Math.exp(logit - largest)));
}

function normalized(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight);
  return weights.map((weight) => weight / total);
}

/** How often each id is drawn. */
function counts(sampler: Sampler, logits: readonly number[], draws: number, previous?: number[]) {
  const seen = new Array<number>(logits.length).fill(0);
  const array = Float32Array.from(logits);
  for (let draw = 0; draw < draws; draw += 1) {
    seen[sampler.sample(array, previous)]! += 1;
  }
  return seen;
}

/** Upper 0.1 % points of chi-square by degrees of freedom, from published tables. */
const chiSquareLimit = [0, 10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.124, 27.877];

const logits = [2, 1.5, 1.5, 0.25, 0, -0.5, -1, -1.25, -2, -3];

describe("Sampler draws with the exact probabilities", () => {
  it.each<[string, SamplingOptions, number[]?]>([
    ["of the softmax", {}],
    ["at temperature 0.5", { temperature: 0.5 }],
    ["at temperature 3", { temperature: 3 }],
    ["of top-k, cutting a tie", { topK: 2 }],
    ["of top-p", { topP: 0.8 }],
    ["of min-p", { minP: 0.1 }],
    ["with a repetition penalty", { repetitionPenalty: 1.8 }, [0, 0, 5, 9]],
    ["with a penalty below 1", { repetitionPenalty: 0.5 }, [3, 8]],
    [
      "with everything",
      { temperature: 1.7, minP: 0.08, topK: 6, topP: 0.85, repetitionPenalty: 1.3 },
      [1, 4],
    ],
  ])("%s", (_, options, previous) => {
    const expected = probabilities(logits, options, previous);
    const draws = 20_000;
    const seen = counts(new Sampler({ ...options, seed: 11 }), logits, draws, previous);
    let chiSquare = 0;
    let possible = 0;
    for (const [id, probability] of expected.entries()) {
      if (probability === 0) {
        expect(seen[id], `token ${id} is ruled out`).toBe(0);
      } else {
        possible += 1;
        chiSquare += (seen[id]! - draws * probability) ** 2 / (draws * probability);
      }
    }
    expect(possible).toBeGreaterThan(1);
    expect(chiSquare).toBeLessThan(chiSquareLimit[possible - 1]!);
  });
});

describe("Sampler", { timeout: 30_000 }, () => {
  it("keeps exactly the tokens of the plain definition, for random options", () => {
    // Multiples of 1/4, so that ties are many and float32 holds them exactly.
    const logitsOf = fc.array(
      fc.integer({ min: -12, max: 12 }).map((value) => value / 4),
      { minLength: 1, maxLength: 12 },
    );
    const optionsOf = fc.record({
      temperature: fc.constantFrom(0.5, 1, 2),
      topK: fc.nat(8),
      topP: fc.constantFrom(0.05, 0.3, 0.61, 0.87, 1),
      minP: fc.constantFrom(0, 0.013, 0.21, 0.77),
      repetitionPenalty: fc.constantFrom(1, 1.25, 2),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(logitsOf, optionsOf, fc.array(fc.nat(11)), (values, options, history) => {
        const previous = history.filter((id) => id < values.length);
        const expected = probabilities(values, options, previous);
        const sampler = new Sampler(options);
        const array = Float32Array.from(values);
        for (let draw = 0; draw < 20; draw += 1) {
          expect(expected[sampler.sample(array, previous)]).toBeGreaterThan(0);
        }
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  it("repeats its choices for a seed, and tells the seed", () => {
    const draw = (sampler: Sampler) =>
      Array.from({ length: 50 }, () => sampler.sample(Float32Array.from(logits)));
    const first = new Sampler({ seed: 7 });
    const choices = draw(first);
    expect(draw(new Sampler({ seed: 7 }))).toEqual(choices);
    expect(draw(new Sampler({ seed: 8 }))).not.toEqual(choices);
    const unseeded = new Sampler();
    const unseededChoices = draw(unseeded);
    expect(draw(new Sampler({ seed: unseeded.seed }))).toEqual(unseededChoices);
    expect(first.seed).toBe(7);
  });

  it("takes the likeliest at temperature 0, the lowest id of equals, without any draw", () => {
    const greedy = new Sampler({ temperature: 0, topP: 0.1, minP: 1 });
    expect(greedy.sample(Float32Array.of(-3, 4, 4, 1))).toBe(1);
    expect(greedy.sample(Float32Array.of(-5))).toBe(0);
    const penalized = new Sampler({ temperature: 0, repetitionPenalty: 2 });
    expect(penalized.sample(Float32Array.of(3, 4, -1), [1])).toBe(0);
    expect(penalized.sample(Float32Array.of(-3, -2, -9), [1])).toBe(0);
  });

  it("takes the likeliest when a cut leaves one token, the lowest id of equals", () => {
    const tied = Float32Array.of(0, 2, 2, 2, 1);
    for (const options of [{ topK: 1 }, { topP: 1e-12 }, { topP: Number.MIN_VALUE }]) {
      for (let seed = 0; seed < 20; seed += 1) {
        expect(new Sampler({ ...options, seed }).sample(tied)).toBe(1);
      }
    }
    // min-p of 1 keeps all equals of the likeliest.
    const seen = counts(new Sampler({ minP: 1, seed: 1 }), [...tied], 300);
    expect([seen[0], seen[4]]).toEqual([0, 0]);
    expect(Math.min(...seen.slice(1, 4))).toBeGreaterThan(0);
  });

  it("is close to greedy at a tiny temperature, and close to uniform at a huge one", () => {
    const cold = counts(new Sampler({ temperature: 1e-300, seed: 1 }), [1, 2, 1.999], 50);
    expect(cold).toEqual([0, 50, 0]);
    const hot = counts(new Sampler({ temperature: 1e300, seed: 1 }), [-50, 0, 50], 3000);
    expect(Math.min(...hot)).toBeGreaterThan(900);
  });

  it("keeps everything when top-k is larger than the vocabulary", () => {
    const all = counts(new Sampler({ topK: 1000, seed: 2 }), [0, 0, 0], 300);
    expect(Math.min(...all)).toBeGreaterThan(50);
  });

  it("never takes a token that is ruled out", () => {
    const logits = new Float32Array(1000).fill(-Infinity);
    logits[617] = -1e30;
    for (const options of [{}, { topK: 5 }, { topP: 0.5 }, { minP: 0.5 }, { temperature: 0 }]) {
      expect(new Sampler({ ...options, seed: 1 }).sample(logits)).toBe(617);
    }
  });

  it("leaves the logits as they are, and forgets the sequence of the call before", () => {
    const sampler = new Sampler({ temperature: 0, repetitionPenalty: 10 });
    const logits = Float32Array.of(3, 2, 1);
    expect(sampler.sample(logits, [0])).toBe(1);
    expect([...logits]).toEqual([3, 2, 1]);
    expect(sampler.sample(logits, [1])).toBe(0);
    expect(sampler.sample(Float32Array.of(1, 5))).toBe(1);
  });

  it("penalizes a token once, however often it came", () => {
    const sampler = new Sampler({ temperature: 0, repetitionPenalty: 1.5 });
    expect(sampler.sample(Float32Array.of(3, 1.5), [0, 0, 0])).toBe(0);
  });

  it.each([
    ["NaN", [0, Number.NaN, 1], {}, "the logit of token 1 is NaN"],
    ["NaN first", [Number.NaN, 1], { temperature: 0 }, "the logit of token 0 is NaN"],
    ["Infinity", [0, Infinity], {}, "the logit of token 1 is Infinity"],
    ["nothing possible", [-Infinity, -Infinity], {}, "none of the 2 logits is above -Infinity"],
    ["no logits", [], {}, "none of the 0 logits is above -Infinity"],
  ])("rejects logits: %s", (_, values, options, message) => {
    const sample = () => new Sampler(options).sample(Float32Array.from(values));
    expect(sample).toThrow(InvalidArgumentError);
    expect(sample).toThrow(message);
  });

  it.each([[3], [-1], [0.5]])("rejects the previous token %d", (id) => {
    const sampler = new Sampler({ repetitionPenalty: 1.1 });
    const sample = () => sampler.sample(Float32Array.of(1, 2, 3), [0, id]);
    expect(sample).toThrow(InvalidArgumentError);
    expect(sample).toThrow(`the previous token ${id} has no logit; use ids from 0 to 2`);
    expect(new Sampler().sample(Float32Array.of(1), [99])).toBe(0);
  });

  it("rejects options when it is made", () => {
    expect(() => new Sampler({ topP: 0 })).toThrow("topP is 0; use a finite number above 0");
  });
});
