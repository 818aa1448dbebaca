import { fileURLToPath } from "node:url";
import { type LanguageModel, loadModel, type SequenceState } from "@x/models";
import { openFile } from "@x/models/node";
import { type BenchRow, type BenchSuite, median } from "../bench-row";
import { processorTime } from "../processor-time";

const modelPath = fileURLToPath(new URL("../../apps/demo/models/kjv-lstm.gguf", import.meta.url));
/** Steps at which the cost of a token is looked at. */
const places: readonly number[] = [10, 100, 1_000, 10_000, 100_000];
const lastPlace = Math.max(...places);
/** Tokens up to a place, of which the median counts. */
const windowTokens = 1_000;

/** What a token costs late in a text: a recurrent state does not grow. */
export const rnnGenerationSuite: BenchSuite = {
  name: "rnn-generation",
  description: `time and memory of a token from step ${places[0]} to ${lastPlace}, embedded model`,
  async run({ log }) {
    using model = await openModel();
    using state = model.model.createState();
    // The compilers see a text of another state before the first token counts.
    using warm = model.model.createState();
    for (let step = 0, token = 1; step < windowTokens; step++) token = next(model, warm, token);
    const rows: BenchRow[] = [];
    const times: number[] = [];
    for (let step = 1, token = 1; step <= lastPlace; step++) {
      times.push(
        await processorTime(() => {
          token = next(model, state, token);
        }),
      );
      if (!places.includes(step)) continue;
      const { bytes, tensors } = model.model.device.memory();
      const cost = median(times.slice(-windowTokens));
      log(`step ${step}: ${cost.toFixed(3)} ms, ${bytes} bytes in ${tensors} tensors`);
      rows.push(
        rowOf(`token ${step}, median of the last ${Math.min(step, windowTokens)}`, "ms", cost),
        rowOf(`token ${step}, state`, "bytes", state.bytes),
        rowOf(`token ${step}, all tensors of the device`, "bytes", bytes),
        rowOf(`token ${step}, tensors of the device`, "tensors", tensors),
      );
    }
    return rows;
  },
};

async function openModel(): Promise<LanguageModel> {
  const source = await openFile(modelPath);
  try {
    return await loadModel(source, { threads: 1 });
  } finally {
    await source.close();
  }
}

/** The most likely token after `token`. */
function next({ model }: LanguageModel, state: SequenceState, token: number): number {
  using logits = model.forward([{ state, tokenIds: [token] }]);
  const scores = logits.dataSync();
  let best = 0;
  for (let index = 1; index < scores.length; index++) {
    if ((scores[index] ?? 0) > (scores[best] ?? 0)) best = index;
  }
  return best;
}

function rowOf(name: string, unit: string, ours: number): BenchRow {
  return {
    suite: "rnn-generation",
    case: name,
    unit,
    ours,
    peer: null,
    peerName: null,
    ratio: null,
    threads: 1,
    node: process.version,
  };
}
