import type { SchedulerStats } from "@x/paged-scheduler";

/** The state of an engine in numbers. */
export interface EngineStats extends SchedulerStats {
  /** Blocks of the pool, the reserved one not counted. */
  readonly numBlocks: number;
  /** Tokens of a block. */
  readonly blockSize: number;
  /** Bytes that the pool takes. */
  readonly cacheBytes: number;
  /** Share of the slots in used blocks that hold a token; 1 when none is used. */
  readonly usefulShare: number;
  /** Tokens per second that were generated over the last few seconds. */
  readonly generationTokensPerSecond: number;
  /** Prompt tokens per second that were computed over the last few seconds. */
  readonly promptTokensPerSecond: number;
}
