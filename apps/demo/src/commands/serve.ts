import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { createEngine } from "@x/engine";
import { Command, Option } from "commander";
import { numberParser } from "../arguments";
import { addComputeOptions } from "../compute-options";
import { chooseDefaultModel } from "../embedded-model";
import { listenForInterruption } from "../interruption";
import { type ModelSelection, openModel } from "../open-model";
import { createProgress } from "../presenters/progress";
import { formatBytes } from "../presenters/units";
import { createServerHandler } from "../server/create-server-handler";
import { PrometheusMetrics } from "../server/metrics/prometheus-metrics";
import { NodeServer } from "../server/node-server";
import { readPageFiles } from "../server/page-files";
import { runUntilStopped } from "../server/run-until-stopped";

interface ServeCommandOptions extends ModelSelection {
  readonly host: string;
  readonly port: number;
  readonly servedModelName?: string[];
  readonly apiKey?: string;
  readonly corsOrigin?: string[];
  readonly maxConcurrency: number;
  readonly maxQueue: number;
  readonly maxBodyBytes: number;
  readonly grace: number;
  readonly cacheMb: number;
  readonly blockSize: number;
  readonly maxSequences: number;
  readonly maxBatchedTokens: number;
  readonly maxModelLength?: number;
  readonly policy: "fcfs" | "priority";
  readonly speculative: boolean;
  readonly prefixCache: boolean;
  readonly chunkedPrefill: boolean;
  readonly offline: boolean;
}

/** `serve`: an OpenAI-compatible server. */
export function serveCommand(): Command {
  const number = (
    flags: string,
    text: string,
    range: Partial<Parameters<typeof numberParser>[0]> = {},
  ) => new Option(flags, text).argParser(numberParser({ minimum: 1, integer: true, ...range }));
  const command = new Command("serve")
    .description("serve many users at once, by OpenAI's protocol")
    .addOption(
      new Option("-m, --model <name|path>", "name of a model, or path of a .gguf file").default(
        "smollm2-135m-instruct",
      ),
    )
    .option("--served-model-name <name...>", "names by which clients ask for it")
    .option("--host <address>", "address to listen on; 0.0.0.0 for all", "127.0.0.1")
    .addOption(
      number("--port <number>", "port; 0 takes a free one", {
        minimum: 0,
        maximum: 65_535,
      }).default(8000),
    )
    .addOption(new Option("--api-key <key>", "key that clients must send").env("X_SERVER_API_KEY"))
    .option("--cors-origin <origin...>", "origins whose pages may call; * for all (default: none)")
    .addOption(number("--max-concurrency <n>", "most requests in the engine").default(64))
    .addOption(
      number("--max-queue <n>", "most that wait besides; the next gets 429", {
        minimum: 0,
      }).default(256),
    )
    .addOption(number("--max-body-bytes <n>", "most bytes of a request").default(2 ** 20))
    .addOption(
      number("--grace <seconds>", "time to finish what runs when stopped", {
        minimum: 0,
        integer: false,
      }).default(30),
    )
    .addOption(number("--cache-mb <n>", "memory for keys and values, in MiB").default(256))
    .addOption(number("--block-size <n>", "tokens of a block").default(16))
    .addOption(number("--max-sequences <n>", "most sequences that run at a time").default(16))
    .addOption(number("--max-batched-tokens <n>", "most tokens of one step").default(64))
    .addOption(number("--max-model-length <n>", "most tokens of a sequence"))
    .addOption(
      new Option("--policy <name>", "who runs first").choices(["fcfs", "priority"]).default("fcfs"),
    )
    .option("--speculative", "draft tokens by prompt look-up", false)
    .option("--no-prefix-cache", "compute equal beginnings every time")
    .option("--no-chunked-prefill", "compute a prompt in one step");
  return addComputeOptions(command)
    .addOption(
      new Option("--device <name>", "where to compute (default: the fastest)").choices([
        "cpu",
        "wasm",
      ]),
    )
    .option("--offline", "use what is on this machine: the cached or the embedded model", false)
    .action(serve);
}

async function serve(options: ServeCommandOptions, command: Command): Promise<void> {
  const log = (line: string) => process.stderr.write(`${line}\n`);
  using model = await loadServedModel(options, command, log);
  // Of a file, its name: clients need not know where it lies.
  const modelNames = options.servedModelName ?? [basename(options.model, ".gguf")];
  const metrics = new PrometheusMetrics({
    modelName: modelNames[0] ?? model.name,
    stats: () => engine.stats(),
  });
  const engine = createEngine({
    model,
    cacheBytes: options.cacheMb * 2 ** 20,
    blockSize: options.blockSize,
    maxSequences: options.maxSequences,
    maxBatchedTokens: options.maxBatchedTokens,
    maxModelLength: options.maxModelLength,
    policy: options.policy,
    speculative: options.speculative,
    prefixCaching: options.prefixCache,
    chunkedPrefill: options.chunkedPrefill,
    onEvent: metrics.observe,
  });
  try {
    const drain = new AbortController();
    const abort = new AbortController();
    const handler = createServerHandler({
      engine,
      metrics,
      modelNames,
      apiKey: options.apiKey,
      corsOrigins: options.corsOrigin,
      maxConcurrency: options.maxConcurrency,
      maxQueue: options.maxQueue,
      maxBodyBytes: options.maxBodyBytes,
      page: await readPageFiles(fileURLToPath(new URL("./page", import.meta.url))),
      drainSignal: drain.signal,
      abortSignal: abort.signal,
      onError: (error) => log(String(error instanceof Error ? error.stack : error)),
    });
    const server = await NodeServer.listen(handler, options);
    const { numBlocks, blockSize, cacheBytes } = engine.stats();
    log(
      `${model.name} on ${model.device}: up to ${engine.maxModelLength} tokens a request; ` +
        `${numBlocks} blocks of ${blockSize} tokens, ${formatBytes(cacheBytes)}`,
    );
    // The one line that a script waits for.
    process.stdout.write(`${server.url}\n`);
    await runUntilStopped(server, { drain, abort, graceMs: options.grace * 1000, log });
  } finally {
    engine.dispose();
    await engine.idle();
  }
}

/** The model; while it loads, Ctrl-C ends the program. */
async function loadServedModel(
  options: ServeCommandOptions,
  command: Command,
  log: (line: string) => void,
) {
  using interruption = listenForInterruption();
  const context = { progress: createProgress(process.stderr), signal: interruption.signal };
  if (command.getOptionValueSource("model") !== "default") return openModel(options, context);
  const { offline: isOffline } = options;
  const chosen = await chooseDefaultModel(options.model, { isOffline }, context);
  if (chosen.isEmbedded) log(`${chosen.reason}: serving the embedded model, which has no chat`);
  return openModel({ ...options, model: chosen.path }, context);
}
