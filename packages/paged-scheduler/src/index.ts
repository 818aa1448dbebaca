export type { HashKey } from "./block-hash";
export { BlockPool, nullBlock } from "./block-pool";
export {
  DuplicateRequestError,
  type ErrorDetails,
  InvalidArgumentError,
  OutOfBlocksError,
  PagedSchedulerError,
  RequestTooLongError,
  StepOrderError,
  UnknownRequestError,
} from "./errors";
export type {
  BlockEvent,
  BlockEventListener,
  BlockRemovedEvent,
  BlocksStoredEvent,
  CacheClearedEvent,
} from "./events";
export { FreeBlockQueue } from "./free-block-queue";
export { HitRateWindow } from "./hit-rate";
export type { BlockCopy, KvCacheOptions } from "./kv-cache-manager";
export type { FullAttentionSpec, KvGroupSpec, SlidingWindowSpec } from "./kv-group";
export { NgramProposer, type NgramProposerOptions } from "./ngram-proposer";
export type { BlockContent } from "./prefix-cache";
export type { MediaSpan, RequestOptions, RequestStatus, RequestView } from "./request";
export { type ForkOptions, Scheduler } from "./scheduler";
export type { SchedulerOptions, VictimChoice } from "./scheduler-options";
export type { RequestOutput, ScheduledRequest, SchedulerOutput } from "./scheduler-output";
export type { BlockSnapshot, RequestSnapshot, SchedulerSnapshot } from "./snapshot";
export type { SchedulerStats, SpeculationStats } from "./stats";
export { checkStop, type Finish, type FinishReason, type StopConditions } from "./stop-conditions";
