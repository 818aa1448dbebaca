import { InvalidArgumentError } from "../errors";
import { fastExp } from "./fast-exp";
import { Random } from "./random";
import {
  type ResolvedSamplingOptions,
  resolveSamplingOptions,
  type SamplingOptions,
} from "./sampling-options";
import { selectMass, selectTop } from "./select-top";

export type { SamplingOptions };

/**
 * Chooses tokens. In this order, which is that of vLLM: repetition penalty, temperature, min-p,
 * top-k, top-p, and a draw from what is left. Ties always favour the lower id.
 *
 * @example
 * ```ts
 * const sampler = new Sampler({ temperature: 0.7, topP: 0.9, seed: 1 });
 * const tokenId = sampler.sample(logits, tokenIds);
 * ```
 */
export class Sampler {
  /** The seed in use: given again, it repeats the choices. */
  readonly seed: number;
  readonly #options: ResolvedSamplingOptions;
  readonly #random: Random;
  // Scratch of one call, kept because a vocabulary's worth per token would busy the collector.
  #logits = new Float32Array(0);
  #weights = new Float64Array(0);
  #candidates = new Int32Array(0);

  /** @throws {InvalidArgumentError} naming the option that is outside its range. */
  constructor(options: SamplingOptions = {}) {
    this.#options = resolveSamplingOptions(options);
    this.seed = this.#options.seed;
    this.#random = Random.fromSeed(this.seed);
  }

  /**
   * The next token's id.
   *
   * @param logits - One per token, unchanged by the call. `-Infinity` rules a token out.
   * @param previousTokenIds - The sequence so far, for the repetition penalty. Not read without one.
   * @throws {InvalidArgumentError} for logits that are NaN, infinite or all `-Infinity`, and for
   * previous tokens that have no logit.
   */
  sample(logits: Float32Array, previousTokenIds: Iterable<number> = []): number {
    const { temperature, topK, topP, minP, repetitionPenalty } = this.#options;
    const penalized =
      repetitionPenalty === 1
        ? logits
        : this.#penalize(logits, previousTokenIds, repetitionPenalty);
    const best = likeliest(penalized);
    if (temperature === 0) {
      return best;
    }
    this.#reserve(logits.length);
    const weights = this.#weights;
    const candidates = this.#candidates;
    let length = penalized.length;
    const isCut = topK > 0;
    if (isCut) {
      // The top k are the same before min-p as after, and spare the exponentials of the rest.
      length = selectTop(penalized, candidates, topK);
    }
    const largest = penalized[best] as number;
    const lowest = Math.log(minP);
    let kept = 0;
    let total = 0;
    for (let index = 0; index < length; index += 1) {
      const id = isCut ? (candidates[index] as number) : index;
      const gap = ((penalized[id] as number) - largest) / temperature;
      if (gap >= lowest) {
        // Relative to the likeliest token, whose weight is 1.
        const weight = fastExp(gap);
        weights[id] = weight;
        total += weight;
        candidates[kept] = id;
        kept += 1;
      }
    }
    if (topP < 1) {
      const mass = topP * total;
      kept = this.#pruneTail(kept, (total - mass) / kept);
      kept = selectMass(penalized, weights, candidates, kept, mass);
      total = sum(weights, candidates, kept);
    }
    return this.#draw(kept, total, best);
  }

  /**
   * Drops candidates lighter than `floor`. When that is the mean weight times 1 − p, all that are
   * dropped weigh less than 1 − p together, so none is in the top p: most of a vocabulary goes
   * without being put in order.
   */
  #pruneTail(length: number, floor: number): number {
    const weights = this.#weights;
    const candidates = this.#candidates;
    let kept = 0;
    for (let index = 0; index < length; index += 1) {
      const id = candidates[index] as number;
      if ((weights[id] as number) >= floor) {
        candidates[kept] = id;
        kept += 1;
      }
    }
    return kept;
  }

  /** One of the first `kept` candidates, each as likely as its part of `total`. */
  #draw(kept: number, total: number, best: number): number {
    let rest = this.#random.uniform() * total;
    for (let index = 0; index < kept; index += 1) {
      const id = this.#candidates[index] as number;
      rest -= this.#weights[id] as number;
      if (rest < 0) {
        return id;
      }
    }
    // Rounding can leave a little after the last.
    return best;
  }

  #penalize(
    logits: Float32Array,
    previousTokenIds: Iterable<number>,
    penalty: number,
  ): Float32Array {
    if (this.#logits.length !== logits.length) {
      this.#logits = new Float32Array(logits.length);
    }
    const penalized = this.#logits;
    penalized.set(logits);
    for (const id of previousTokenIds) {
      const logit = logits[id];
      if (logit === undefined) {
        throw new InvalidArgumentError(
          `the previous token ${id} has no logit; use ids from 0 to ${logits.length - 1}`,
          { id, logits: logits.length },
        );
      }
      penalized[id] = logit > 0 ? logit / penalty : logit * penalty;
    }
    return penalized;
  }

  #reserve(length: number): void {
    if (this.#weights.length < length) {
      this.#weights = new Float64Array(length);
      this.#candidates = new Int32Array(length);
    }
  }
}

/** Index of the largest logit, the first of equals. */
function likeliest(logits: Float32Array): number {
  let best = -1;
  let largest = -Infinity;
  for (let id = 0; id < logits.length; id += 1) {
    const logit = logits[id] as number;
    // One comparison for nearly all: it is false for a larger one and for NaN.
    if (logit <= largest) continue;
    if (Number.isNaN(logit)) throw badLogit(id, logit);
    largest = logit;
    best = id;
  }
  if (best === -1) {
    throw new InvalidArgumentError(
      `none of the ${logits.length} logits is above -Infinity; leave at least one token possible`,
      { logits: logits.length },
    );
  }
  if (largest === Infinity) {
    throw badLogit(best, largest);
  }
  return best;
}

function badLogit(id: number, logit: number): InvalidArgumentError {
  return new InvalidArgumentError(
    `the logit of token ${id} is ${logit}; the model's computation went wrong, check its weights`,
    { id, logit },
  );
}

function sum(weights: Float64Array, candidates: Int32Array, length: number): number {
  let total = 0;
  for (let index = 0; index < length; index += 1) {
    total += weights[candidates[index] as number] as number;
  }
  return total;
}
