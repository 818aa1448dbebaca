import { createRandom, nextExponential, nextNormal, type RandomStream } from "./random";

/** One request of a trace. */
export interface TraceRequest {
  /** Seconds after the start. */
  readonly arrivalTime: number;
  /** Prompt tokens, the shared prefix included. */
  readonly promptLength: number;
  /** Tokens of each output sampled from the prompt, at least 1; mostly there is one output. */
  readonly outputLengths: readonly number[];
  /** The beginning of the prompt that it has in common with all requests of the same prefix. */
  readonly prefix?: { readonly id: number; readonly length: number };
}

/** Lengths drawn from a log-normal distribution, cut to what the model takes. */
export interface LengthStatistics {
  /** Mean prompt length before the cut, tokens. */
  readonly meanPrompt: number;
  /** Mean output length before the cut, tokens. */
  readonly meanOutput: number;
  /** Standard deviation of the logarithm of the prompt length. */
  readonly spreadPrompt: number;
  /** Standard deviation of the logarithm of the output length. */
  readonly spreadOutput: number;
}

/**
 * The two data sets of the PagedAttention paper (arXiv 2309.06180, figure 11). The means are the
 * published ones. The spreads are assumptions: the paper shows histograms without numbers.
 */
export const publishedLengths = {
  /** Conversations: long, and unlike each other. */
  shareGpt: { meanPrompt: 161.31, meanOutput: 337.99, spreadPrompt: 1, spreadOutput: 0.9 },
  /** Instructions: short. */
  alpaca: { meanPrompt: 19.31, meanOutput: 58.45, spreadPrompt: 0.5, spreadOutput: 0.8 },
} as const satisfies Record<string, LengthStatistics>;

/** What a synthetic trace looks like. */
export interface TraceOptions {
  readonly numRequests: number;
  readonly lengths: LengthStatistics;
  /** Most tokens of prompt and output together. Default 2048. */
  readonly maxModelLength?: number;
  /** Requests per second, arriving at random (Poisson). Default: all arrive at the start. */
  readonly requestRate?: number;
  /** Give every prompt one of `count` prefixes of `length` tokens in front. Default none. */
  readonly prefixes?: { readonly count: number; readonly length: number };
  /** Outputs per request. Default 1. */
  readonly n?: number;
  /**
   * Whether the outputs of a request have one length, as when a benchmark generates a given number
   * of tokens whatever they are. Default false: each ends by itself.
   */
  readonly equalOutputs?: boolean;
  /** Equal seeds give equal traces. Default 0. */
  readonly seed?: number;
}

/** A trace with lengths and arrivals drawn at random. */
export function synthesizeTrace(options: TraceOptions): TraceRequest[] {
  const { numRequests, lengths, maxModelLength = 2048, requestRate, prefixes, seed = 0 } = options;
  const { n = 1, equalOutputs = false } = options;
  const random = createRandom(seed);
  const numPrefixTokens = prefixes?.length ?? 0;
  let arrivalTime = 0;
  return Array.from({ length: numRequests }, () => {
    if (requestRate !== undefined) arrivalTime += nextExponential(random, 1 / requestRate);
    const longestPrompt = maxModelLength - numPrefixTokens - 1;
    const own = nextLength(random, lengths.meanPrompt, lengths.spreadPrompt, longestPrompt);
    const promptLength = numPrefixTokens + own;
    const longestOutput = maxModelLength - promptLength;
    const outputLength = () =>
      nextLength(random, lengths.meanOutput, lengths.spreadOutput, longestOutput);
    const outputLengths = equalOutputs
      ? new Array<number>(n).fill(outputLength())
      : Array.from({ length: n }, outputLength);
    return {
      arrivalTime,
      promptLength,
      outputLengths,
      ...(prefixes
        ? { prefix: { id: Math.floor(random() * prefixes.count), length: prefixes.length } }
        : {}),
    };
  });
}

function nextLength(random: RandomStream, mean: number, spread: number, longest: number): number {
  // A log-normal number of this mean has its median at mean * exp(-spread^2 / 2).
  const length = mean * Math.exp(spread * nextNormal(random) - spread ** 2 / 2);
  return Math.min(Math.max(Math.round(length), 1), longest);
}
