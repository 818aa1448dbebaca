import { writeFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import type { BenchRow, BenchSuite } from "./bench-row";
import { formatTable } from "./format-table";
import { slopesSuite } from "./suites/attention-linear/slopes";
import { tasksSuite } from "./suites/attention-linear/tasks";
import { throughputSuite } from "./suites/attention-linear/throughput";
import { browserDecodeSuite } from "./suites/browser-decode";
import { decodeSuite } from "./suites/decode";
import { enduranceSuite } from "./suites/endurance";
import { engineSuite } from "./suites/engine/gains";
import { parallelSuite } from "./suites/engine/parallel";
import { flashSuite } from "./suites/flash";
import { accuracySuite } from "./suites/kvcache/accuracy";
import { kvcacheSuite } from "./suites/kvcache/costs";
import { flatnessSuite } from "./suites/kvcache/flatness";
import { restoringSuite } from "./suites/kvcache/restoring";
import { streamingSuite } from "./suites/kvcache/streaming";
import { loadSuite } from "./suites/load";
import { matmulSuite } from "./suites/matmul";
import { rnnSuite } from "./suites/rnn";
import { rnnAddingSuite } from "./suites/rnn-adding";
import { rnnGenerationSuite } from "./suites/rnn-generation";
import { rnnTrainingSuite } from "./suites/rnn-training";
import { schedulerSuite } from "./suites/scheduler";
import { structuredOutputSuite } from "./suites/structured-output";
import { tensorSuite } from "./suites/tensor";

const suites: readonly BenchSuite[] = [
  throughputSuite,
  slopesSuite,
  tasksSuite,
  decodeSuite,
  browserDecodeSuite,
  enduranceSuite,
  engineSuite,
  parallelSuite,
  flashSuite,
  kvcacheSuite,
  accuracySuite,
  restoringSuite,
  streamingSuite,
  flatnessSuite,
  loadSuite,
  matmulSuite,
  rnnSuite,
  rnnTrainingSuite,
  rnnAddingSuite,
  rnnGenerationSuite,
  schedulerSuite,
  structuredOutputSuite,
  tensorSuite,
];

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("Use 1 or more.");
  return value;
}

const program = new Command("bench")
  .description("Runs our code and its peers alternately in one process, and prints medians.")
  .argument("<suite>", suites.map(({ name, description }) => `${name}: ${description}`).join("; "))
  .option("--rounds <count>", "alternating rounds", positiveInteger, 5)
  .option("--only <text>", "run only the cases whose names contain this, where a suite can")
  .option("--json <file>", "write the rows to a file as well")
  .action(async (suiteName: string, options: { rounds: number; only?: string; json?: string }) => {
    const suite = suites.find(({ name }) => name === suiteName);
    if (suite === undefined) {
      const known = suites.map(({ name }) => name).join(", ");
      return program.error(`unknown suite "${suiteName}"; use one of ${known}`);
    }
    const rows: BenchRow[] = await suite.run({
      rounds: options.rounds,
      only: options.only,
      log: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(formatTable(rows));
    if (options.json !== undefined)
      writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`);
  });

await program.parseAsync();
