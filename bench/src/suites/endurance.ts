import { type LanguageModel, loadModel, type SequenceState } from "@x/models";
import { openFile, resolveModel } from "@x/models/node";
import { argmax } from "@x/tensor";
import type { BenchRow, BenchSuite } from "../bench-row";
import { slope } from "../slope";

const modelName = "smollm2-135m-instruct";
const tokens = 50_000;
const tokensPerPart = 5_000;
/** The sequence goes back to the first length when it reaches the second. */
const [shortest, longest] = [128, 512] as const;

/** What a part of the tokens cost. */
interface Part {
  /** Processor time of a token. */
  readonly tokenMs: number;
  readonly residentMB: number;
  readonly deviceMB: number;
}

/** Decodes in one process for a quarter of an hour: time and memory must stay as they were. */
export const enduranceSuite: BenchSuite = {
  name: "endurance",
  description: `${tokens} tokens of ${modelName} in one process on one thread: the last ${tokensPerPart} against the first`,
  async run({ log }) {
    const source = await openFile(await resolveModel(modelName));
    using language = await loadModel(source, { threads: 1 });
    await source.close();
    const parts: Part[] = [];
    for await (const part of decodeParts(language)) {
      parts.push(part);
      const { tokenMs, residentMB, deviceMB } = part;
      log(
        `${parts.length * tokensPerPart} tokens: ${tokenMs.toFixed(2)} ms a token, ` +
          `${residentMB.toFixed(1)} MB resident, ${deviceMB.toFixed(1)} MB on the device`,
      );
    }
    return [
      row("processor time of a token", "ms", parts, ({ tokenMs }) => tokenMs),
      row("resident memory", "MB", parts, ({ residentMB }) => residentMB),
      row("memory of the device", "MB", parts, ({ deviceMB }) => deviceMB),
    ];
  },
};

async function* decodeParts({ model, tokenizer }: LanguageModel): AsyncGenerator<Part> {
  using state = model.createState();
  const text = "The history of computing begins long before electricity: ".repeat(20);
  const prompt = tokenizer.encode(text).slice(0, shortest);
  let pending = prompt;
  const step = async () => {
    if (state.length >= longest) state.crop(shortest);
    pending = await likeliestAfter(model, state, pending);
  };
  await step();
  // The engine compiles its code once more when it has seen enough of it.
  for (let token = 0; token < longest; token++) await step();
  for (let decoded = 0; decoded < tokens; decoded += tokensPerPart) {
    const before = process.cpuUsage();
    for (let token = 0; token < tokensPerPart; token++) await step();
    const { user, system } = process.cpuUsage(before);
    yield {
      tokenMs: (user + system) / 1000 / tokensPerPart,
      residentMB: process.memoryUsage.rss() / 1e6,
      deviceMB: model.device.memory().reservedBytes / 1e6,
    };
  }
}

async function likeliestAfter(
  model: LanguageModel["model"],
  state: SequenceState,
  tokenIds: readonly number[],
): Promise<number[]> {
  using logits = model.forward([{ state, tokenIds }]);
  using best = argmax(logits);
  return [...(await best.data())];
}

function row(
  name: string,
  unit: string,
  parts: readonly Part[],
  figureOf: (part: Part) => number,
): BenchRow {
  const values = parts.map(figureOf);
  const [first = Number.NaN, last = Number.NaN] = [values[0], values.at(-1)];
  return {
    suite: "endurance",
    case: `${name}, growing by ${slope([...values.entries()]).toPrecision(2)} per ${tokensPerPart} tokens`,
    unit,
    ours: last,
    peer: first,
    peerName: `the first ${tokensPerPart}`,
    ratio: first / last,
    threads: 1,
    node: process.version,
  };
}
