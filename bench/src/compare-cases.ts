import { type BenchOptions, type BenchRow, median } from "./bench-row";

/** An operand's elements and shape. */
export interface Operand {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** What is computed, by ours and by every peer that can. */
export interface TensorCase {
  readonly label: string;
  /** A name that ours and the peers know. */
  readonly operation: string;
  readonly inputs: readonly Operand[];
  readonly outputs: readonly (readonly number[])[];
}

/** A case that is ready to run in one library. */
export interface PreparedCase {
  select?(): unknown;
  /** Computes once, to the end, and frees the result. */
  run(): unknown;
  result(): number[] | Promise<number[]>;
  dispose(): unknown;
}

/** A library, ours or a peer. */
export interface TensorPeer {
  readonly name: string;
  prepare(request: TensorCase): Promise<PreparedCase | undefined>;
}

/** A sample repeats a case until it takes this long, so that the clock's grain does not show. */
const sampleMs = 20;

/** Runs a case in all libraries in turn; the first is ours. */
export async function compareCase(
  suite: string,
  request: TensorCase,
  contestants: readonly TensorPeer[],
  { rounds }: BenchOptions,
): Promise<BenchRow[]> {
  const runners: { name: string; prepared: PreparedCase; repeats: number; times: number[] }[] = [];
  for (const { name, prepare } of contestants) {
    const prepared = await prepare(request);
    if (prepared === undefined) continue;
    await prepared.select?.();
    runners.push({ name, prepared, repeats: await repeatsOf(prepared), times: [] });
  }
  await assertAgreement(request, runners);
  for (let round = 0; round < rounds; round++) {
    for (const { prepared, repeats, times } of runners) {
      await prepared.select?.();
      times.push(await timeOf(prepared, repeats));
    }
  }
  for (const { prepared } of runners) await prepared.dispose();
  const [ours, ...peers] = runners.map(({ name, times }) => ({ name, ms: median(times) }));
  if (ours === undefined) return [];
  return peers.map(({ name, ms }) => ({
    suite,
    case: request.label,
    unit: "µs",
    ours: ours.ms * 1000,
    peer: ms * 1000,
    peerName: name,
    ratio: ms / ours.ms,
    threads: 1,
    node: process.version,
  }));
}

/** Milliseconds of one run, on average over `repeats`. */
async function timeOf({ run }: PreparedCase, repeats: number): Promise<number> {
  const startedAt = performance.now();
  for (let repeat = 0; repeat < repeats; repeat++) {
    const pending = run();
    if (pending instanceof Promise) await pending;
  }
  return (performance.now() - startedAt) / repeats;
}

/** Runs that fill a sample, found after a warm-up of two samples. */
async function repeatsOf(prepared: PreparedCase): Promise<number> {
  await timeOf(prepared, 3);
  const first = await timeOf(prepared, 1);
  const warm = await timeOf(prepared, Math.max(1, Math.ceil((2 * sampleMs) / first)));
  return Math.max(1, Math.ceil(sampleMs / warm));
}

/** All must compute the same, or the comparison says nothing. Training has moved by then. */
async function assertAgreement(
  { label, operation }: TensorCase,
  runners: readonly { name: string; prepared: PreparedCase }[],
): Promise<void> {
  if (operation === "trainingStep") return;
  let expected: number[] | undefined;
  for (const { name, prepared } of runners) {
    await prepared.select?.();
    const values = await prepared.result();
    expected ??= values;
    const worst = values.reduce((largest, value, index) => {
      const wanted = expected?.[index] ?? Number.NaN;
      return Math.max(largest, Math.abs(value - wanted) / (1 + Math.abs(wanted)));
    }, 0);
    if (!(worst < 1e-3)) throw new Error(`${label}: ${name} is ${worst} off`);
  }
}
