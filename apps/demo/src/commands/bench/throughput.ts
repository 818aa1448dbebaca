import { writeFile } from "node:fs/promises";
import { Command } from "commander";
import { formatColumns } from "../../benchmark/format-report";
import { addEngineOptions, type EngineCommandOptions, openEngine } from "./open-engine";
import {
  addWorkloadOptions,
  createWorkload,
  requireLengths,
  type WorkloadCommandOptions,
} from "./workload-options";

/** `bench throughput`: all requests at once, in this process. */
export function benchThroughputCommand(): Command {
  const command = new Command("throughput").description(
    "measure the engine in this process on many requests at once",
  );
  return addEngineOptions(addWorkloadOptions(command, 32)).action(benchThroughput);
}

async function benchThroughput(
  options: WorkloadCommandOptions & EngineCommandOptions,
): Promise<void> {
  using opened = await openEngine(options);
  const { engine } = opened;
  requireLengths(options, engine.maxModelLength);
  const items = await createWorkload(options);
  const startedAt = performance.now();
  const results = await Promise.all(
    items.map(({ prompt, maxTokens }) =>
      engine.generate(prompt, { maxTokens, temperature: 0, ignoreEos: true }).result(),
    ),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const promptTokens = results.reduce((sum, result) => sum + result.promptTokens, 0);
  const outputTokens = results.reduce((sum, result) => sum + result.completionTokens, 0);
  const { numPreemptions, prefixCacheHits } = engine.stats();
  const figures = {
    requests: results.length,
    durationSeconds: seconds,
    promptTokens,
    cachedTokens: prefixCacheHits,
    outputTokens,
    preemptions: numPreemptions,
    requestsPerSecond: results.length / seconds,
    outputTokensPerSecond: outputTokens / seconds,
    totalTokensPerSecond: (promptTokens + outputTokens) / seconds,
  };
  const rows = formatColumns([
    ["requests", String(figures.requests)],
    ["duration (s)", seconds.toFixed(2)],
    ["prompt tokens", String(promptTokens)],
    ["of them cached", String(prefixCacheHits)],
    ["output tokens", String(outputTokens)],
    ["preemptions", String(numPreemptions)],
    ["requests/s", figures.requestsPerSecond.toFixed(2)],
    ["output tokens/s", figures.outputTokensPerSecond.toFixed(1)],
    ["total tokens/s", figures.totalTokensPerSecond.toFixed(1)],
  ]);
  process.stdout.write(`${rows.join("\n")}\n`);
  if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
  }
}
