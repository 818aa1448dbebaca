import { writeFile } from "node:fs/promises";
import { RemoteEngine } from "@x/engine";
import { Command, InvalidArgumentError, Option } from "commander";
import { arrivalTimes } from "../../benchmark/arrival-times";
import { formatServingReport } from "../../benchmark/format-report";
import { randomFromSeed } from "../../benchmark/random";
import { runLoad } from "../../benchmark/run-load";
import { type Goals, latencyNames, toServingReport } from "../../benchmark/serving-report";
import { UsageError } from "../../exit";
import {
  addWorkloadOptions,
  createWorkload,
  numberOption,
  type WorkloadCommandOptions,
} from "./workload-options";

interface BenchServeOptions extends WorkloadCommandOptions {
  readonly baseUrl: string;
  readonly model?: string;
  readonly apiKey?: string;
  readonly extensions: "vllm" | "none";
  readonly requestRate?: number;
  readonly burstiness: number;
  readonly maxConcurrency?: number;
  readonly temperature: number;
  readonly ignoreEos: boolean;
  readonly percentiles: number[];
  readonly goodput: Goals;
}

/** `bench serve`: latencies and throughput of a server under a load. */
export function benchServeCommand(): Command {
  const positive = { minimum: 0, exclusiveMinimum: true, integer: false };
  const command = new Command("serve")
    .description("measure an OpenAI-compatible server, this one or any other")
    .option("--base-url <url>", "address of its API", "http://127.0.0.1:8000/v1")
    .option("-m, --model <name>", "model to ask for (default: the first that it lists)")
    .option("--api-key <key>", "key to send")
    .addOption(
      new Option("--extensions <set>", "none: send only what OpenAI's own API takes")
        .choices(["vllm", "none"])
        .default("vllm"),
    )
    .addOption(
      numberOption("--request-rate <n>", "requests a second (default: all at once)", positive),
    )
    .addOption(
      numberOption("--burstiness <n>", "1: Poisson; less: bursts; more: even", positive).default(1),
    )
    .addOption(numberOption("--max-concurrency <n>", "most requests at a time"))
    .addOption(
      numberOption("--temperature <n>", "of the requests", {
        minimum: 0,
        maximum: 2,
        integer: false,
      }).default(0),
    )
    .option("--ignore-eos", "let every answer have its full length", false)
    .addOption(
      new Option("--percentiles <list>", "percentiles to report")
        .argParser(parsePercentiles)
        .default([99], "99"),
    )
    .addOption(
      new Option(
        "--goodput <goal...>",
        "latencies in ms that good requests stay below: ttft:500 tpot:100 e2el:5000",
      )
        .argParser(parseGoal)
        .default({}, "none"),
    );
  return addWorkloadOptions(command, 100).action(benchServe);
}

async function benchServe(options: BenchServeOptions): Promise<void> {
  const { baseUrl, apiKey, extensions, seed, percentiles, goodput } = options;
  const { requestRate = Number.POSITIVE_INFINITY, burstiness } = options;
  const { maxConcurrency = Number.POSITIVE_INFINITY } = options;
  const model = options.model ?? (await firstModel(baseUrl, apiKey));
  using engine = new RemoteEngine({ baseUrl, model, apiKey, extensions, maxRetries: 0 });
  const items = await createWorkload(options);
  const result = await runLoad(engine, {
    items,
    arrivals: arrivalTimes(items.length, { requestRate, burstiness }, randomFromSeed(seed + 1)),
    maxConcurrency,
    generation: {
      temperature: options.temperature,
      ...(options.ignoreEos && { ignoreEos: true }),
    },
    onProgress: (numDone) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${numDone}/${items.length} `);
    },
  });
  if (process.stderr.isTTY) process.stderr.write("\r");
  const report = toServingReport(result, percentiles, goodput);
  process.stdout.write(formatServingReport(report));
  if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify({ model, ...report }, null, 2)}\n`);
  }
  if (report.completed === 0) throw new UsageError("no request was answered");
}

/** The first model that the server lists. */
async function firstModel(baseUrl: string, apiKey: string | undefined): Promise<string> {
  const headers: Record<string, string> = apiKey ? { authorization: `Bearer ${apiKey}` } : {};
  const url = `${baseUrl.replace(/\/+$/, "")}/models`;
  const reason = (text: string) => new UsageError(`${url} ${text}; name a model with --model`);
  let response: Response;
  try {
    response = await fetch(url, { headers });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new UsageError(
      `${url} cannot be reached (${cause instanceof Error ? cause.message : cause}); start a server with: npm run demo -- serve`,
    );
  }
  if (!response.ok) throw reason(`answers ${response.status}`);
  const { data } = (await response.json()) as { data?: readonly { id?: string }[] };
  const id = data?.[0]?.id;
  if (id === undefined) throw reason("lists no model");
  return id;
}

function parsePercentiles(text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.every((value) => value > 0 && value <= 100)) return values;
  throw new InvalidArgumentError("Use numbers above 0, up to 100, such as 50,90,99.");
}

function parseGoal(text: string, goals: Goals): Goals {
  const [name, value] = text.split(":");
  const known = latencyNames.find((latency) => latency === name);
  const milliseconds = Number(value);
  if (known !== undefined && milliseconds > 0) return { ...goals, [known]: milliseconds };
  throw new InvalidArgumentError(`Use ${latencyNames.join(", ")} with milliseconds: ttft:500.`);
}
