import type { GenerateOptions, GenerationResult, LanguageModel } from "@x/models";
import type { Progress } from "./presenters/progress";

/** Where an answer goes while it is generated. */
export interface AnswerSink {
  readonly progress: Progress;
  /** Gets each piece of text; never half a character. */
  readonly onText: (text: string) => void;
}

/** Generates an answer, handing out its text as it comes. */
export async function streamAnswer(
  model: LanguageModel,
  promptTokenIds: readonly number[],
  options: GenerateOptions,
  { progress, onText }: AnswerSink,
): Promise<GenerationResult> {
  const events = model.generate(promptTokenIds, options);
  try {
    for (;;) {
      const step = await events.next();
      if (step.done) return step.value;
      if (step.value.type === "prefill-progress") {
        progress.showPrefill(step.value.processed, step.value.total);
      } else if (step.value.text !== "") {
        onText(step.value.text);
      }
    }
  } finally {
    progress.clear();
  }
}
