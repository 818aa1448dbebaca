import { createEngine, type Engine } from "@x/engine";
import type { LanguageModel } from "@x/models";
import { type Command, Option } from "commander";
import { addComputeOptions } from "../../compute-options";
import { listenForInterruption } from "../../interruption";
import { type ModelSelection, openModel } from "../../open-model";
import { createProgress } from "../../presenters/progress";
import { numberOption } from "./workload-options";

/** Options of the benchmarks that run the engine in this process. */
export interface EngineCommandOptions extends ModelSelection {
  readonly cacheMb: number;
  readonly blockSize: number;
  readonly maxSequences: number;
  readonly maxBatchedTokens: number;
  readonly speculative: boolean;
  readonly prefixCache: boolean;
}

/** Adds the options of {@link EngineCommandOptions}. */
export function addEngineOptions(command: Command): Command {
  return addComputeOptions(command)
    .addOption(
      new Option("-m, --model <name|path>", "name of a model, or path of a .gguf file").default(
        "smollm2-135m-instruct",
      ),
    )
    .addOption(numberOption("--cache-mb <n>", "memory for keys and values, in MiB").default(256))
    .addOption(numberOption("--block-size <n>", "tokens of a block").default(16))
    .addOption(numberOption("--max-sequences <n>", "most sequences at a time").default(16))
    .addOption(numberOption("--max-batched-tokens <n>", "most tokens of one step").default(64))
    .option("--speculative", "draft tokens by prompt look-up", false)
    .option("--no-prefix-cache", "compute equal beginnings every time");
}

/** A model with an engine over it. */
export interface OpenEngine extends Disposable {
  readonly engine: Engine;
}

/** Loads the model and makes the engine; Ctrl-C ends the loading. */
export async function openEngine(options: EngineCommandOptions): Promise<OpenEngine> {
  using interruption = listenForInterruption();
  const { signal } = interruption;
  const model: LanguageModel = await openModel(options, {
    progress: createProgress(process.stderr),
    signal,
  });
  try {
    const engine = createEngine({
      model,
      cacheBytes: options.cacheMb * 2 ** 20,
      blockSize: options.blockSize,
      maxSequences: options.maxSequences,
      maxBatchedTokens: options.maxBatchedTokens,
      speculative: options.speculative,
      prefixCaching: options.prefixCache,
    });
    return {
      engine,
      [Symbol.dispose]() {
        engine.dispose();
        model.dispose();
      },
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}
