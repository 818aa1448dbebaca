import { InvalidArgumentError } from "../errors";

/** How the next token is chosen from the logits. */
export interface SamplingOptions {
  /**
   * Divides the logits: below 1 favours likely tokens, above 1 unlikely ones. 0 always takes the
   * likeliest, whatever the other options say. Default 1.
   */
  readonly temperature?: number | undefined;
  /** Keep only this many of the likeliest tokens. 0 keeps all. Default 0. */
  readonly topK?: number | undefined;
  /**
   * Keep the fewest likeliest tokens whose probabilities sum to this, above 0 and up to 1
   * (Holtzman et al. 2019, arXiv 1904.09751). Default 1, which keeps all.
   */
  readonly topP?: number | undefined;
  /**
   * Keep tokens at least this fraction as likely as the likeliest, 0 to 1 (Nguyen et al. 2024,
   * arXiv 2407.01082). Default 0, which keeps all.
   */
  readonly minP?: number | undefined;
  /**
   * Divides the positive logits of tokens that are in the sequence and multiplies the negative ones
   * (Keskar et al. 2019, arXiv 1909.05858, section 4.1). Above 0; default 1, which changes nothing.
   */
  readonly repetitionPenalty?: number | undefined;
  /** Equal seeds give equal choices. An integer from 0 to 2^53 − 1; default random. */
  readonly seed?: number | undefined;
}

/** Options with every default filled in. */
export type ResolvedSamplingOptions = {
  readonly [Option in keyof SamplingOptions]-?: number;
};

/**
 * Fills in the defaults and checks every option.
 *
 * @throws {InvalidArgumentError} naming the option, its value and its range.
 */
export function resolveSamplingOptions(options: SamplingOptions): ResolvedSamplingOptions {
  const {
    temperature = 1,
    topK = 0,
    topP = 1,
    minP = 0,
    repetitionPenalty = 1,
    seed = Math.floor(Math.random() * 2 ** 32),
  } = options;
  check("temperature", temperature, temperature >= 0, "of 0 or more");
  check("topK", topK, Number.isSafeInteger(topK) && topK >= 0, "of 0 or more, and whole");
  check("topP", topP, topP > 0 && topP <= 1, "above 0 and up to 1");
  check("minP", minP, minP >= 0 && minP <= 1, "from 0 to 1");
  check("repetitionPenalty", repetitionPenalty, repetitionPenalty > 0, "above 0");
  check("seed", seed, Number.isSafeInteger(seed) && seed >= 0, "from 0 to 2^53 - 1, and whole");
  return { temperature, topK, topP, minP, repetitionPenalty, seed };
}

function check(name: string, value: number, isValid: boolean, range: string): void {
  if (!Number.isFinite(value) || !isValid) {
    throw new InvalidArgumentError(`${name} is ${value}; use a finite number ${range}`, {
      [name]: value,
    });
  }
}
