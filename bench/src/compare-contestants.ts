import { type BenchOptions, type BenchRow, median } from "./bench-row";

/** An engine of either side, on some number of threads. */
export interface Contestant {
  readonly isOurs: boolean;
  readonly threads: number;
}

/** What every contestant does. */
export interface ContestantCase<Engine extends Contestant> {
  readonly suite: string;
  readonly name: string;
  /** Tokens of one run. */
  readonly tokens: number;
  readonly peerName: string;
  /** @returns milliseconds. */
  run(contestant: Engine): Promise<number>;
}

/** Runs all contestants in turn, and compares the better number of threads of each side. */
export async function compareContestants<Engine extends Contestant>(
  contestants: readonly Engine[],
  { suite, name, tokens, peerName, run }: ContestantCase<Engine>,
  { rounds, log }: BenchOptions,
): Promise<BenchRow> {
  const times = contestants.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      const elapsed = await run(contestant);
      if (round > 0) times[index]?.push(elapsed); // the first is a warm-up
    }
    log(`${name}, round ${round}/${rounds}`);
  }
  const speeds = contestants.map(({ isOurs, threads }, index) => {
    const speed = (tokens * 1000) / median(times[index] ?? []);
    log(`  ${isOurs ? "ours" : peerName}, ${threads} threads: ${speed.toFixed(1)} tokens/s`);
    return { isOurs, threads, speed };
  });
  const best = (isOurs: boolean) =>
    speeds
      .filter((one) => one.isOurs === isOurs)
      .reduce((left, right) => (right.speed > left.speed ? right : left));
  const [ours, peer] = [best(true), best(false)];
  return {
    suite,
    case: `${name}, ours on ${ours.threads}, theirs on ${peer.threads}`,
    unit: "tokens/s",
    ours: ours.speed,
    peer: peer.speed,
    peerName,
    ratio: ours.speed / peer.speed,
    threads: ours.threads,
    node: process.version,
  };
}
