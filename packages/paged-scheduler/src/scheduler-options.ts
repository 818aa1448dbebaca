import { InvalidArgumentError } from "./errors";
import type { KvCacheOptions } from "./kv-cache-manager";
import { type RequestView, requireArgument } from "./request";

/** What a victim rule chooses from. */
export interface VictimChoice {
  /** Running requests, in scheduling order. */
  readonly running: readonly RequestView[];
  /** The request that needs a block; it is one of them. */
  readonly needing: RequestView;
}

/** Options of a {@link Scheduler}. */
export interface SchedulerOptions extends KvCacheOptions {
  /** Most tokens in a step. At least `maxSequences`. Default 2048. */
  readonly maxBatchedTokens?: number;
  /** Most requests that run at a time. Default 256. */
  readonly maxSequences?: number;
  /**
   * Most tokens of one sequence, prompt included. Default: what the pool can hold.
   * `scheduler.maxModelLength` tells.
   */
  readonly maxModelLength?: number;
  /** Split prompts over steps. When off, a prompt waits until it fits in one step. Default true. */
  readonly chunkedPrefill?: boolean;
  /** Most tokens of one request in a step, so that a long prompt leaves room. Default 0: no limit. */
  readonly longPrefillThreshold?: number;
  /** `fcfs`: by arrival. `priority`: lower `priority` first, then arrival. Default `fcfs`. */
  readonly policy?: "fcfs" | "priority";
  /**
   * The running request to preempt when blocks run out. Default: the one that goes last by the
   * policy, so that the first always advances.
   */
  readonly selectVictim?: (choice: VictimChoice) => RequestView;
  /** Admit a request only when its whole prompt fits, not only its first chunk. Default true. */
  readonly reserveFullPrompt?: boolean;
  /** Share of usable blocks that an admission leaves free, from 0 to below 1. Default 0. */
  readonly watermark?: number;
  /**
   * How many later requests may be admitted before one that does not fit in the free blocks.
   * 0: none ever overtakes. Default 8.
   */
  readonly maxSkipAhead?: number;
  /** Slots past the scheduled tokens that a draft model writes. Default 0. */
  readonly numLookaheadTokens?: number;
  /** End-of-sequence tokens of requests that give none. Default none. */
  readonly eosTokenIds?: readonly number[];
  /**
   * Let a request reuse blocks that another fills in the same step. Needs a runtime that writes the
   * keys and values of the whole batch before it reads any, layer by layer. Default true.
   */
  readonly shareWithinStep?: boolean;
}

/** Options with every default filled in. */
export type ResolvedOptions = Required<
  Omit<SchedulerOptions, "hashKey" | "onEvent" | "selectVictim" | "maxModelLength">
> &
  Pick<SchedulerOptions, "selectVictim" | "maxModelLength">;

/**
 * Fills in the defaults.
 *
 * @throws InvalidArgumentError when an option is out of its range or contradicts another.
 */
export function resolveOptions(options: SchedulerOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    blockSize: 16,
    groups: [{ kind: "full-attention" }],
    prefixCaching: true,
    maxBatchedTokens: 2048,
    maxSequences: 256,
    chunkedPrefill: true,
    longPrefillThreshold: 0,
    policy: "fcfs",
    reserveFullPrompt: true,
    watermark: 0,
    maxSkipAhead: 8,
    numLookaheadTokens: 0,
    eosTokenIds: [],
    shareWithinStep: true,
    ...options,
  };
  const minimums = {
    numBlocks: 2,
    blockSize: 1,
    maxSequences: 1,
    maxBatchedTokens: resolved.maxSequences,
    longPrefillThreshold: 0,
    maxSkipAhead: 0,
    numLookaheadTokens: 0,
  } as const satisfies Partial<Record<keyof ResolvedOptions, number>>;
  for (const [name, minimum] of Object.entries(minimums)) {
    const value = resolved[name as keyof typeof minimums];
    if (Number.isInteger(value) && value >= minimum) continue;
    throw new InvalidArgumentError(
      `${name} is ${value}; pass a whole number from ${minimum}${name === "maxBatchedTokens" ? " (maxSequences)" : ""}`,
      { [name]: value, minimum },
    );
  }
  const { watermark, groups } = resolved;
  requireArgument(
    watermark >= 0 && watermark < 1,
    `watermark is ${watermark}; pass a share from 0 to below 1`,
    { watermark },
  );
  requireArgument(
    resolved.chunkedPrefill || resolved.longPrefillThreshold === 0,
    "longPrefillThreshold splits prompts; leave it out or turn chunkedPrefill on",
    { longPrefillThreshold: resolved.longPrefillThreshold },
  );
  requireArgument(groups.length > 0, "groups is empty; give at least one", { groups });
  for (const spec of groups) {
    requireArgument(
      spec.kind !== "sliding-window" || (Number.isInteger(spec.window) && spec.window >= 1),
      "the window of a sliding-window group is not usable; pass a whole number from 1",
      { spec },
    );
  }
  return resolved;
}
