import { sinkStore } from "@x/kvcache";
import { type BenchRow, type BenchSuite, median, medianOfFasterHalf } from "../../bench-row";
import { slope } from "../../slope";
import { modelName, openModel, textTokens } from "./text";

const tokens = 20_000;
const sinks = 4;
/** Entries of the cache, sinks included. */
const entries = 256;
const chunk = 32;
const segment = 1_000;

/** Whether a token costs the same at the end of a long stream as at its beginning. */
export const flatnessSuite: BenchSuite = {
  name: "kvcache-flatness",
  description: `processor time of ${tokens} tokens through ${modelName} with ${sinks} sinks and ${entries - sinks} entries`,
  async run({ log }) {
    using model = await openModel({ threads: 1 });
    const ids = textTokens(model, tokens);
    using state = model.model.createState({
      cache: sinkStore({ sinks, window: entries - sinks }),
    });
    const segments: number[] = [];
    let times: number[] = [];
    for (let start = 0; start < tokens; start += chunk) {
      const tokenIds = ids.slice(start, start + chunk);
      // A busy machine takes turns, which processor time does not count.
      const before = process.cpuUsage();
      model.model.forward([{ state, tokenIds, logits: "none" }]).dispose();
      const { user, system } = process.cpuUsage(before);
      times.push((user + system) / 1_000 / tokenIds.length);
      if (start + chunk < (segments.length + 1) * segment) continue;
      segments.push(medianOfFasterHalf(times));
      times = [];
      log(`${segments.length * segment} tokens: ${segments.at(-1)?.toFixed(2)} ms/token`);
    }
    // The cache fills up in the first segment.
    const full = segments.slice(1);
    const rows = [2, 5, 10, 15, 20].map((thousand) =>
      row(
        `tokens ${(thousand - 1) * segment} to ${thousand * segment}`,
        "ms/token",
        segments[thousand - 1] ?? Number.NaN,
        median(full),
      ),
    );
    const change = (100 * slope([...full.entries()])) / median(full);
    return [...rows, row(`slope over ${segment} tokens`, "% of a token's time", change)];
  },
};

function row(name: string, unit: string, ours: number, peer?: number): BenchRow {
  return {
    suite: "kvcache-flatness",
    case: name,
    unit,
    ours,
    peer: peer ?? null,
    peerName: peer === undefined ? null : "median of all",
    // Lower is better.
    ratio: peer === undefined ? null : peer / ours,
    threads: 1,
    node: process.version,
  };
}
