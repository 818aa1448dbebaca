import { writeFile } from "node:fs/promises";
import { Command } from "commander";
import { formatColumns } from "../../benchmark/format-report";
import { summarizeValues } from "../../benchmark/statistics";
import { addEngineOptions, type EngineCommandOptions, openEngine } from "./open-engine";
import {
  addWorkloadOptions,
  createWorkload,
  numberOption,
  requireLengths,
  type WorkloadCommandOptions,
} from "./workload-options";

interface BenchLatencyOptions extends WorkloadCommandOptions, EngineCommandOptions {
  readonly warmup: number;
  readonly iterations: number;
}

const percentages = [10, 25, 50, 75, 90, 99] as const;

/** `bench latency`: how long one batch takes, again and again, in this process. */
export function benchLatencyCommand(): Command {
  const command = new Command("latency")
    .description("measure how long the engine in this process takes for one batch")
    .addOption(
      numberOption("--warmup <n>", "runs before those that count", { minimum: 0 }).default(2),
    )
    .addOption(numberOption("--iterations <n>", "runs that count").default(5));
  return addEngineOptions(addWorkloadOptions(command, 8)).action(benchLatency);
}

async function benchLatency(options: BenchLatencyOptions): Promise<void> {
  using opened = await openEngine(options);
  const { engine } = opened;
  requireLengths(options, engine.maxModelLength);
  const items = await createWorkload(options);
  const runOnce = async () => {
    // Else every run but the first would find its prompts computed.
    engine.resetPrefixCache();
    const startedAt = performance.now();
    await Promise.all(
      items.map(({ prompt, maxTokens }) =>
        engine.generate(prompt, { maxTokens, temperature: 0, ignoreEos: true }).result(),
      ),
    );
    await engine.idle();
    return performance.now() - startedAt;
  };
  for (let run = 0; run < options.warmup; run++) await runOnce();
  const durations: number[] = [];
  for (let run = 0; run < options.iterations; run++) durations.push(await runOnce());
  const summary = summarizeValues(durations, percentages);
  const rows = formatColumns([
    ["batch", String(items.length)],
    ["mean (ms)", summary.mean.toFixed(1)],
    ["std (ms)", summary.std.toFixed(1)],
    ...percentages.map((p) => [`p${p} (ms)`, (summary.percentiles[String(p)] ?? 0).toFixed(1)]),
  ]);
  process.stdout.write(`${rows.join("\n")}\n`);
  if (options.json !== undefined) {
    const figures = { batch: items.length, durationsMs: durations, ...summary };
    await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
  }
}
