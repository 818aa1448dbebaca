import { access, readFile, rename, writeFile } from "node:fs/promises";
import { writeRecurrentGguf } from "@x/models";
import { LanguageTrainer, RecurrentLanguageModel } from "@x/rnn";
import { createDevice, warmupCosine } from "@x/tensor";
import { Command, Option } from "commander";
import { numberParser } from "../arguments";
import { UsageError } from "../exit";
import { listenForInterruption } from "../interruption";
import { formatBytes, formatDuration } from "../presenters/units";
import { type Corpus, readCorpus } from "../training/corpus";

interface TrainCommandOptions {
  readonly text: string;
  readonly output: string;
  readonly name: string;
  readonly cell: "lstm" | "gru";
  readonly vocabulary: number;
  readonly embedding: number;
  readonly hidden: number;
  readonly layers: number;
  readonly batch: number;
  readonly window: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly validation: number;
  readonly reportEvery: number;
  readonly seed: number;
  readonly fresh: boolean;
}

const whole = { minimum: 1, integer: true };
/** Generation of any length needs the same memory; a number is asked for nevertheless. */
const contextLength = 2 ** 20;

/** `train`: a recurrent language model from a text file. */
export function trainCommand(): Command {
  const number = (flag: string, text: string, value: number, range = whole) =>
    new Option(`${flag} <number>`, text).argParser(numberParser(range)).default(value);
  return new Command("train")
    .description("train a recurrent language model on a text, with checkpoints")
    .requiredOption("--text <path>", "plain text to learn")
    .option("-o, --output <path>", "the model; the checkpoint lies beside it", "model.gguf")
    .option("--name <text>", "name of the model", "recurrent language model")
    .addOption(
      new Option("--cell <kind>", "recurrent cell").choices(["lstm", "gru"]).default("lstm"),
    )
    .addOption(number("--vocabulary", "tokens to learn from the text", 1024))
    .addOption(number("--embedding", "features of a token", 192))
    .addOption(number("--hidden", "features of the state", 384))
    .addOption(number("--layers", "layers", 1))
    .addOption(number("--batch", "texts side by side", 16))
    .addOption(number("--window", "tokens through which gradients flow", 64))
    .addOption(number("--steps", "steps in all", 1800))
    .addOption(
      new Option("--learning-rate <number>", "highest rate; it warms up and decays")
        .argParser(numberParser({ minimum: 0, maximum: 1, exclusiveMinimum: true }))
        .default(4e-3),
    )
    .addOption(
      new Option("--validation <share>", "share of the text, at its end, that is not learned")
        .argParser(numberParser({ minimum: 0.001, maximum: 0.5 }))
        .default(0.02),
    )
    .addOption(number("--report-every", "steps between checkpoints", 100))
    .addOption(number("--seed", "chooses the initial weights", 0, { minimum: 0, integer: true }))
    .option("--fresh", "begin anew where there is a checkpoint", false)
    .action(train);
}

async function train(options: TrainCommandOptions): Promise<void> {
  using interruption = listenForInterruption();
  const { signal } = interruption;
  const report = (line: string) => process.stderr.write(`${line}\n`);
  const corpus = await readCorpus(options.text, options.vocabulary, options.validation);
  report(
    `${corpus.characters} characters, ${corpus.training.length} tokens to learn, ${corpus.validation.length} to validate`,
  );
  using device = await createDevice("wasm");
  using model = new RecurrentLanguageModel({
    cell: options.cell,
    vocabularySize: corpus.vocabulary.tokens.length,
    embeddingSize: options.embedding,
    hiddenSize: options.hidden,
    layers: options.layers,
    device,
    seed: options.seed,
  });
  report(`${model.parameterCount} parameters, kernels ${device.kernels}`);
  using trainer = new LanguageTrainer({
    model,
    tokens: corpus.training,
    batch: options.batch,
    steps: options.window,
    learningRate: warmupCosine({
      peak: options.learningRate,
      warmupSteps: Math.min(100, Math.floor(options.steps / 10)),
      totalSteps: options.steps,
    }),
  });
  const checkpointPath = `${options.output}.checkpoint`;
  await resume(trainer, checkpointPath, options, corpus, report);
  let lossSum = 0;
  let lossCount = 0;
  const startedAt = performance.now();
  while (trainer.stepCount < options.steps && !signal.aborted) {
    const { step, loss, gradientNorm } = await trainer.step();
    lossSum += loss;
    lossCount++;
    if (step % options.reportEvery !== 0 && step !== options.steps) continue;
    const validation = await trainer.evaluate(corpus.validation);
    report(
      `step ${step} of ${options.steps}: loss ${(lossSum / lossCount).toFixed(4)}, validation ${validation.toFixed(4)}, gradient norm ${gradientNorm.toFixed(2)}, ${formatDuration(performance.now() - startedAt)}`,
    );
    [lossSum, lossCount] = [0, 0];
    await save(checkpointPath, await trainer.checkpoint(identityOf(options, corpus)));
  }
  if (signal.aborted) {
    await save(checkpointPath, await trainer.checkpoint(identityOf(options, corpus)));
    report(`stopped at step ${trainer.stepCount}; the same command goes on from there`);
    process.exitCode = interruption.exitCode;
    return;
  }
  const bytes = await exportModel(model, options, corpus);
  await save(options.output, bytes);
  report(`${options.output}: ${formatBytes(bytes.byteLength)}`);
}

/** What must be equal for a checkpoint to go on. */
function identityOf(options: TrainCommandOptions, corpus: Corpus): Record<string, string> {
  const { cell, vocabulary, embedding, hidden, layers, batch, window, steps, learningRate } =
    options;
  const settings = { cell, vocabulary, embedding, hidden, layers, batch, window, steps };
  const { seed, validation } = options;
  return {
    settings: JSON.stringify({ ...settings, learningRate, validation, seed }),
    text: corpus.sha256,
  };
}

async function resume(
  trainer: LanguageTrainer,
  path: string,
  options: TrainCommandOptions,
  corpus: Corpus,
  report: (line: string) => void,
): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (!exists || options.fresh) return;
  const bytes = await readFile(path);
  const found = await trainer.restore(bytes);
  const expected = identityOf(options, corpus);
  if (found.settings !== expected.settings || found.text !== expected.text) {
    throw new UsageError(
      `${path} is of other settings or another text; give those, or begin anew with --fresh`,
    );
  }
  report(`going on from step ${trainer.stepCount}`);
}

/** Written beside and renamed, so that an interruption leaves the old file whole. */
async function save(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(`${path}.part`, bytes);
  await rename(`${path}.part`, path);
}

async function exportModel(
  model: RecurrentLanguageModel,
  options: TrainCommandOptions,
  { vocabulary }: Corpus,
): Promise<Uint8Array> {
  const weights: Record<string, { shape: readonly number[]; data: Float32Array }> = {};
  for (const [name, one] of Object.entries(model.parameters)) {
    weights[name] = { shape: one.shape, data: (await one.data()) as Float32Array };
  }
  const { cell, layers, embeddingSize, hiddenSize } = model.config;
  const { name } = options;
  return writeRecurrentGguf({
    name,
    cell,
    layers,
    embeddingSize,
    hiddenSize,
    vocabulary,
    weights,
    contextLength,
  });
}
