import type { LanguageModel } from "@x/models";
import type { EngineEvent } from "./engine-event";

/** Settings of an engine, by vLLM's names where it has one. */
export interface EngineOptions {
  /** The model that answers. The engine does not dispose it. */
  readonly model: LanguageModel;
  /** Memory for keys and values, in bytes. Default 256 MiB, or less if the context needs less. */
  readonly cacheBytes?: number | undefined;
  /** Tokens of a block of that memory. Default 16. */
  readonly blockSize?: number | undefined;
  /** Most tokens that one step computes; bounds how long the event loop waits. Default 64. */
  readonly maxBatchedTokens?: number | undefined;
  /** Most sequences that run at a time. Default 16. */
  readonly maxSequences?: number | undefined;
  /** Most tokens of one sequence. Default: the model's context, or what `cacheBytes` holds. */
  readonly maxModelLength?: number | undefined;
  /** Reuse the blocks of equal prompt beginnings. Default true. */
  readonly prefixCaching?: boolean | undefined;
  /** Split prompts over steps. Default true. */
  readonly chunkedPrefill?: boolean | undefined;
  /** `fcfs`: by arrival. `priority`: by `priority`, then arrival. Default `fcfs`. */
  readonly policy?: "fcfs" | "priority" | undefined;
  /** Draft tokens by prompt look-up, unless a request says otherwise. Default false. */
  readonly speculative?: boolean | SpeculationOptions | undefined;
  /** Called with what happens, for metrics. The first error that it throws becomes a warning. */
  readonly onEvent?: ((event: EngineEvent) => void) | undefined;
}

/** How draft tokens are looked up: see `NgramProposer` of `@x/paged-scheduler`. */
export interface SpeculationOptions {
  /** Shortest suffix to find again, in tokens. Default 2. */
  readonly minTokens?: number;
  /** Longest suffix. Default 4. */
  readonly maxTokens?: number;
  /** Most tokens to draft. Default 4. */
  readonly numDraftTokens?: number;
}
