import { lshAttention } from "@x/attention-linear";
import { flashAttention, flashDecode } from "@x/flash";
import { createDevice, type Device, tidy } from "@x/tensor";
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../../bench-row";
import { attendInRowBlocks } from "./exact";
import { benchMembers, headSize, heads, makeOperands, tokenOf } from "./members";

const promptTokens = 4096;
const longPrompt = 16_384;
const decodedTokens = 256;
const flash = "exact, @x/flash";

/** Prompts, training steps, single tokens and bytes of every member, against exact attention. */
export const throughputSuite: BenchSuite = {
  name: "attention-linear",
  description: `linear attention family: prefill, decode and bytes against softmax attention, ${heads} heads of ${headSize}`,
  async run(options) {
    using device = await createDevice("wasm", { threads: 1 });
    return [
      ...(await prefillRows(device, options)),
      ...(await longRows(device, options)),
      ...(await decodeRows(device, options)),
      ...byteRows(device),
    ];
  },
};

async function prefillRows(device: Device, options: BenchOptions): Promise<BenchRow[]> {
  using operands = makeOperands(device, promptTokens);
  const { queries, keys, values } = operands;
  const { members, favor } = benchMembers(device);
  const exact = () => flashAttention(queries, keys, values, { causal: true }).dispose();
  const perSecond = (milliseconds: number) => (promptTokens / milliseconds) * 1000;
  const rows: BenchRow[] = [];
  for (const form of ["recurrent", "chunked"] as const) {
    for (const { name, run } of members) {
      const ours = () => tidy(() => void run(operands, { form }));
      const name_ = `prefill ${promptTokens}, ${form}: ${name}`;
      rows.push(...compare(name_, "tokens/s", ours, flash, exact, perSecond, device, options));
    }
  }
  const lsh = () => lshAttention(queries, values, { seed: 1 }).dispose();
  const name = `prefill ${promptTokens}: LSH, 4 rounds`;
  rows.push(...compare(name, "tokens/s", lsh, flash, exact, perSecond, device, options));
  favor.dispose();
  return rows;
}

async function longRows(device: Device, options: BenchOptions): Promise<BenchRow[]> {
  using operands = makeOperands(device, longPrompt);
  const { queries, keys, values } = operands;
  const { members, favor } = benchMembers(device);
  const exact = () => attendInRowBlocks(queries, keys, values).dispose();
  const perSecond = (milliseconds: number) => (longPrompt / milliseconds) * 1000;
  const peer = "exact, row blocks of 64";
  const rows = (["chunked", "recurrent"] as const).flatMap((form) => {
    const ours = () => tidy(() => void members[0]?.run(operands, { form }));
    const name = `prefill ${longPrompt}, ${form}: linear, elu + 1`;
    return compare(name, "tokens/s", ours, peer, exact, perSecond, device, {
      ...options,
      rounds: Math.min(3, options.rounds),
    });
  });
  favor.dispose();
  return rows;
}

async function decodeRows(device: Device, options: BenchOptions): Promise<BenchRow[]> {
  using operands = makeOperands(device, promptTokens);
  const { queries, keys, values } = operands;
  const { members, favor } = benchMembers(device);
  const perSecond = (milliseconds: number) => (decodedTokens / milliseconds) * 1000;
  const rows = members.flatMap(({ name, run }) => {
    let state = tidy(() => run(operands));
    state.output.dispose();
    const ours = () => {
      for (let t = 0; t < decodedTokens; t++) {
        using token = tokenOf(operands, t);
        const next = run(token, { initialState: state.finalState });
        next.output.dispose();
        state.finalState.dispose();
        state = next;
      }
    };
    const cached = () => {
      for (let t = 0; t < decodedTokens; t++) {
        using query = queries.slice(1, t, t + 1);
        flashDecode(query, keys, values).dispose();
      }
    };
    const name_ = `decode after ${promptTokens}: ${name}`;
    const peer = `cached softmax, ${flash}`;
    const found = compare(name_, "tokens/s", ours, peer, cached, perSecond, device, options);
    state.finalState.dispose();
    return found;
  });
  favor.dispose();
  return rows;
}

/** What each member keeps of a text of 4,096 tokens, against keys and values. */
function byteRows(device: Device): BenchRow[] {
  using operands = makeOperands(device, 2);
  const { members, favor } = benchMembers(device);
  const cache = 2 * promptTokens * heads * headSize * 4;
  const rows = members.map(({ name, run }): BenchRow => {
    const bytes = tidy(() => run(operands).finalState.size * 4);
    return {
      ...described(`state after ${promptTokens}: ${name}`, "kB", device),
      ours: bytes / 1000,
      peer: cache / 1000,
      peerName: "keys and values",
      ratio: cache / bytes,
    };
  });
  favor.dispose();
  return rows;
}

function described(name: string, unit: string, device: Device) {
  return {
    suite: "attention-linear",
    case: `${name} (${device.kernels})`,
    unit,
    threads: 1,
    node: process.version,
  };
}

function compare(
  name: string,
  unit: string,
  ours: () => void,
  peerName: string,
  peer: () => void,
  toFigure: (milliseconds: number) => number,
  device: Device,
  { rounds, log, only }: BenchOptions,
): BenchRow[] {
  if (only !== undefined && !name.includes(only)) return [];
  const times = { ours: [] as number[], peer: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    const [our, their] = [millisecondsOf(ours), millisecondsOf(peer)];
    if (round === 0) continue; // a warm-up of both
    times.ours.push(our);
    times.peer.push(their);
  }
  const [our, their] = [median(times.ours), median(times.peer)];
  log(`${name}: ${our.toFixed(1)} ms, ${their.toFixed(1)} ms`);
  const figures = { ours: toFigure(our), peer: toFigure(their), peerName, ratio: their / our };
  return [{ ...described(name, unit, device), ...figures }];
}

function millisecondsOf(work: () => void): number {
  const begin = performance.now();
  work();
  return performance.now() - begin;
}
