import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { resolveModel } from "@x/models/node";
import { type BenchRow, type BenchSuite, median } from "../bench-row";
import type { FirstTokenReport } from "../load/first-token";

const modelName = "smollm2-135m-instruct";
/** What a process may hold besides a quarter more than the file, and the cache. */
const allowanceBytes = 120e6;

/** A new process from its start to the first token, file in the system's cache, and its memory. */
export const loadSuite: BenchSuite = {
  name: "load",
  description: `a new process to the first token of ${modelName}: time, and memory against what is allowed`,
  async run({ rounds, log }) {
    const modelPath = await resolveModel(modelName);
    const script = fileURLToPath(new URL("load/first-token.js", import.meta.url));
    const reports: FirstTokenReport[] = [];
    for (let round = 0; round <= rounds; round++) {
      const { stdout } = await promisify(execFile)(process.execPath, [script, modelPath]);
      const report = JSON.parse(stdout) as FirstTokenReport;
      if (round > 0) reports.push(report); // the first reads the file from the disk
      log(`${report.elapsedMs.toFixed(0)} ms, ${(report.peakBytes / 1e6).toFixed(0)} MB`);
    }
    const cacheBytes = reports[0]?.cacheBytes ?? 0;
    const allowed = statSync(modelPath).size * 1.25 + cacheBytes + allowanceBytes;
    const peak = median(reports.map(({ peakBytes }) => peakBytes));
    const row = (
      rest: Pick<BenchRow, "case" | "unit" | "ours" | "peer" | "peerName" | "ratio">,
    ) => ({
      suite: "load",
      threads: availableParallelism(),
      node: process.version,
      ...rest,
    });
    return [
      row({
        case: "start to first token",
        unit: "ms",
        ours: median(reports.map(({ elapsedMs }) => elapsedMs)),
        peer: null,
        peerName: null,
        ratio: null,
      }),
      row({
        case: "peak memory",
        unit: "MB",
        ours: peak / 1e6,
        peer: allowed / 1e6,
        peerName: "allowed",
        ratio: allowed / peak,
      }),
    ];
  },
};
