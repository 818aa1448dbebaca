import { expFeatures } from "@x/attention-linear";
import { createDevice, type Device } from "@x/tensor";
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../../bench-row";
import { learnToCopy } from "../../linear-tasks/copy-task";
import { keyCount, keySize, learnToRecall, writes } from "../../linear-tasks/recall-task";

const copyUpdates = 4000;
const recallUpdates = 300;

/** What a state of fixed size can learn: copying, and recall by plain accumulation and the delta rule. */
export const tasksSuite: BenchSuite = {
  name: "attention-linear-tasks",
  description: "training: the copy task, associative recall; --rounds is the seeds",
  async run(options) {
    using device = await createDevice("wasm", { threads: 1 });
    const isChosen = (name: string) => options.only === undefined || name.includes(options.only);
    return [
      ...(isChosen("copy") ? copyRows(device, options) : []),
      ...(isChosen("recall") ? recallRows(device, options) : []),
    ];
  },
};

function copyRows(device: Device, { log }: BenchOptions): BenchRow[] {
  const { accuracy, updates, parameters } = learnToCopy({
    kind: "linear",
    featureMap: expFeatures,
    device,
    seed: 1,
    maxUpdates: copyUpdates,
    learningRate: 2e-2,
    onCheck: (update, found) => log(`copy, update ${update}: ${(found * 100).toFixed(1)} %`),
  });
  const name = `copy of 63 of 10 symbols, ${parameters} parameters`;
  return [
    row(`${name}: symbols right`, "%", accuracy * 100, device),
    row(`${name}: updates`, "", updates, device),
  ];
}

function recallRows(device: Device, { rounds, log }: BenchOptions): BenchRow[] {
  const found = { plain: [] as number[], delta: [] as number[] };
  for (let seed = 1; seed <= rounds; seed++) {
    const settings = { device, seed, updates: recallUpdates };
    const plain = learnToRecall("plain accumulation", settings);
    const delta = learnToRecall("delta rule", settings);
    found.plain.push(plain);
    found.delta.push(delta);
    log(`recall, seed ${seed}: plain ${plain.toFixed(3)}, delta rule ${delta.toFixed(3)}`);
  }
  const name = `recall of ${keyCount} keys after ${writes} writes, keys of ${keySize}, ${rounds} seeds`;
  const compare = (what: string, pick: (values: readonly number[]) => number) => {
    const [delta, plain] = [100 * pick(found.delta), 100 * pick(found.plain)];
    const figures = { peer: plain, peerName: "plain accumulation", ratio: delta / plain };
    return { ...row(`${name}: ${what}`, "% right, delta rule", delta, device), ...figures };
  };
  return [
    compare("median", median),
    compare("worst", (values) => Math.min(...values)),
    compare("best", (values) => Math.max(...values)),
  ];
}

function row(name: string, unit: string, ours: number, device: Device): BenchRow {
  return {
    suite: "attention-linear-tasks",
    case: `${name} (${device.kernels})`,
    unit,
    ours,
    peer: null,
    peerName: null,
    ratio: null,
    threads: 1,
    node: process.version,
  };
}
