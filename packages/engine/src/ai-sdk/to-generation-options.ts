import type { LanguageModelV3CallOptions, SharedV3Warning } from "@ai-sdk/provider";
import type { GenerationOptions } from "../generation-options";
import type { StructuredOutput } from "../structured/structured-output";

/** Options for an engine, and what of the call they leave out. */
export interface EngineCall {
  readonly options: GenerationOptions;
  readonly warnings: SharedV3Warning[];
}

/** The AI SDK's settings as an engine's; `providerOptions.x` adds what the SDK has no name for. */
export function toGenerationOptions(call: LanguageModelV3CallOptions): EngineCall {
  const warnings: SharedV3Warning[] = [];
  if (call.tools !== undefined && call.tools.length > 0) {
    warnings.push({ type: "unsupported", feature: "tools" });
  }
  return {
    options: {
      ...(call.providerOptions?.x as GenerationOptions | undefined),
      maxTokens: call.maxOutputTokens,
      temperature: call.temperature,
      topP: call.topP,
      topK: call.topK,
      presencePenalty: call.presencePenalty,
      frequencyPenalty: call.frequencyPenalty,
      stop: call.stopSequences,
      seed: call.seed,
      structured: toStructuredOutput(call.responseFormat),
      signal: call.abortSignal,
    },
    warnings,
  };
}

function toStructuredOutput(
  format: LanguageModelV3CallOptions["responseFormat"],
): StructuredOutput | undefined {
  if (format?.type !== "json") return undefined;
  const { schema } = format;
  return schema === undefined ? { type: "json_object" } : { type: "json_schema", schema };
}
