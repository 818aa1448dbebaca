import {
  flashAttention,
  flashAttentionBackward,
  flashAttentionWithLogSumExp,
  flashDecode,
} from "@x/flash";
import { createDevice, type Device, type Tensor, tensor, tidy } from "@x/tensor";
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../bench-row";
import { importPeer } from "../peers";

interface AttentionPeer {
  attend(): Promise<void>;
  dispose(): Promise<void>;
}

interface PeerModule {
  openAttention(options: {
    kind: "fused" | "unfused";
    tokens: number;
    heads: number;
    headSize: number;
  }): Promise<AttentionPeer>;
}

const headSize = 64;
const peerPackage = "onnxruntime-web 1.30.0";

/** One of two things that are timed in turn. */
type Work = () => void | Promise<void>;

/** Exact attention on one thread, in milliseconds. */
export const flashSuite: BenchSuite = {
  name: "flash",
  description: `exact attention against ${peerPackage}, and its own variants against each other`,
  async run(options) {
    using device = await createDevice("wasm", { threads: 1 });
    const peers = await importPeer<PeerModule>("flash-onnx.mjs", options.log);
    const rows: BenchRow[] = [];
    rows.push(await againstPeer(device, peers, "fused", 1024, 8, options));
    rows.push(await againstPeer(device, peers, "unfused", 4096, 1, options));
    rows.push(await causalRow(device, options));
    rows.push(await backwardRow(device, options));
    rows.push(await pagedRow(device, options));
    return rows;
  },
};

async function againstPeer(
  device: Device,
  peers: PeerModule,
  kind: "fused" | "unfused",
  tokens: number,
  heads: number,
  options: BenchOptions,
): Promise<BenchRow> {
  using operands = makeOperands(device, tokens, heads);
  const peer = await peers.openAttention({ kind, tokens, heads, headSize });
  const { queries, keys, values } = operands;
  const row = await compare(
    `forward, N = ${tokens}, ${heads} heads of ${headSize}`,
    () => flashAttention(queries, keys, values).dispose(),
    `${peerPackage}, ${kind}`,
    () => peer.attend(),
    device,
    options,
  );
  await peer.dispose();
  return row;
}

async function causalRow(device: Device, options: BenchOptions): Promise<BenchRow> {
  using operands = makeOperands(device, 4096, 1);
  const { queries, keys, values } = operands;
  return await compare(
    "causal, N = 4096",
    () => flashAttention(queries, keys, values, { causal: true }).dispose(),
    "ours, not causal",
    () => flashAttention(queries, keys, values).dispose(),
    device,
    options,
  );
}

async function backwardRow(device: Device, options: BenchOptions): Promise<BenchRow> {
  using operands = makeOperands(device, 1024, 8);
  const { queries, keys, values } = operands;
  return await compare(
    "forward and backward, N = 1024, 8 heads",
    () =>
      tidy(() => {
        const { output, logSumExp } = flashAttentionWithLogSumExp(queries, keys, values);
        const saved = { queries, keys, values, output, logSumExp };
        flashAttentionBackward({ ...saved, outputGradient: queries });
      }),
    "ours, forward alone",
    () => flashAttention(queries, keys, values).dispose(),
    device,
    options,
  );
}

async function pagedRow(device: Device, options: BenchOptions): Promise<BenchRow> {
  const [batch, length, blockSize, kvHeads, heads] = [8, 2048, 16, 3, 9];
  const perSequence = length / blockSize;
  const shape = [batch, length, kvHeads, headSize];
  using keys = randomTensor(device, shape);
  using values = randomTensor(device, shape);
  using queries = randomTensor(device, [batch, 1, heads, headSize]);
  const pool = [batch * perSequence, blockSize, kvHeads, headSize];
  using keyPool = keys.reshape(pool);
  using valuePool = values.reshape(pool);
  // Far apart, as blocks of a busy pool are: 769 has no factor in common with their number.
  const blockTables = Array.from({ length: batch }, (_, sequence) =>
    Array.from(
      { length: perSequence },
      (_, block) => ((sequence * perSequence + block) * 769) % (batch * perSequence),
    ),
  );
  return await compare(
    `decode, ${batch} sequences of ${length}, blocks of ${blockSize}`,
    () => flashDecode(queries, keyPool, valuePool, { blockTables }).dispose(),
    "ours, contiguous caches",
    () => flashDecode(queries, keys, values).dispose(),
    device,
    options,
    // Some milliseconds are too short a sample.
    10,
  );
}

function makeOperands(
  device: Device,
  tokens: number,
  heads: number,
): { queries: Tensor; keys: Tensor; values: Tensor } & Disposable {
  const [queries, keys, values] = [0, 1, 2].map(() =>
    randomTensor(device, [1, tokens, heads, headSize]),
  ) as [Tensor, Tensor, Tensor];
  const dispose = () => {
    for (const operand of [queries, keys, values]) operand.dispose();
  };
  return { queries, keys, values, [Symbol.dispose]: dispose };
}

function randomTensor(device: Device, shape: readonly number[]): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tensor(
    Float32Array.from({ length: size }, () => 3 * Math.random() - 1.5),
    shape,
    { device },
  );
}

async function compare(
  name: string,
  ours: Work,
  peerName: string,
  peer: Work,
  device: Device,
  { rounds, log }: BenchOptions,
  repeats = 1,
): Promise<BenchRow> {
  const times = { ours: [] as number[], peer: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    const our = await millisecondsOf(ours, repeats);
    const their = await millisecondsOf(peer, repeats);
    if (round === 0) continue; // a warm-up of both
    times.ours.push(our);
    times.peer.push(their);
    log(`${name}, round ${round}/${rounds}`);
  }
  const [our, their] = [median(times.ours), median(times.peer)];
  return {
    suite: "flash",
    case: `${name} (${device.kernels})`,
    unit: "ms",
    ours: our,
    peer: their,
    peerName,
    ratio: their / our,
    threads: 1,
    node: process.version,
  };
}

async function millisecondsOf(work: Work, repeats: number): Promise<number> {
  const begin = performance.now();
  for (let repeat = 0; repeat < repeats; repeat++) await work();
  return (performance.now() - begin) / repeats;
}
