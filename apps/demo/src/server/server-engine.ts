import type { EngineStats, Prompt, TextGenerator } from "@x/engine";
import type { LanguageModel } from "@x/models";
import type { SchedulerSnapshot } from "@x/paged-scheduler";

/** What the server needs of an engine. */
export interface ServerEngine extends Pick<TextGenerator, "modelName" | "generate"> {
  readonly model: LanguageModel;
  /** Most tokens of a prompt and its answer together. */
  readonly maxModelLength: number;
  encodePrompt(prompt: Prompt): number[];
  stats(): EngineStats;
  snapshot(): SchedulerSnapshot;
}
