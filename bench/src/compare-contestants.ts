import { type BenchOptions, type BenchRow, median } from "./bench-row";

/** An engine of either side, on some number of threads. */
export interface Contestant {
  readonly isOurs: boolean;
  readonly threads: number;
  /** Which of ours it is, where there are several. */
  readonly variant?: string;
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

/**
 * Runs all contestants in turn, and compares the better number of threads of each side: a row for each
 * variant of ours.
 */
export async function compareContestants<Engine extends Contestant>(
  contestants: readonly Engine[],
  { suite, name, tokens, peerName, run }: ContestantCase<Engine>,
  { rounds, log }: BenchOptions,
): Promise<BenchRow[]> {
  const times = contestants.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      const elapsed = await run(contestant);
      if (round > 0) times[index]?.push(elapsed); // the first is a warm-up
    }
    log(`${name}, round ${round}/${rounds}`);
  }
  const speeds = contestants.map(({ isOurs, threads, variant = "ours" }, index) => {
    const side = isOurs ? variant : peerName;
    const speed = (tokens * 1000) / median(times[index] ?? []);
    log(`  ${side}, ${threads} threads: ${speed.toFixed(1)} tokens/s`);
    return { side, threads, speed };
  });
  const best = (side: string) =>
    speeds
      .filter((one) => one.side === side)
      .reduce((left, right) => (right.speed > left.speed ? right : left));
  const peer = best(peerName);
  const variants = new Set(speeds.map(({ side }) => side).filter((side) => side !== peerName));
  return Array.from(variants, (variant) => {
    const ours = best(variant);
    return {
      suite,
      case: `${name}, ${variant} on ${ours.threads}, theirs on ${peer.threads}`,
      unit: "tokens/s",
      ours: ours.speed,
      peer: peer.speed,
      peerName,
      ratio: ours.speed / peer.speed,
      threads: ours.threads,
      node: process.version,
    };
  });
}
