import { mkdirSync, writeFileSync } from "node:fs";
import { logSlope, type RecurrentInitializer } from "@x/rnn";
import { createDevice, type Device } from "@x/tensor";
import { lineChart } from "../adding/line-chart";
import {
  type AdderOptions,
  type AdderResult,
  trainAdder,
  updatesPerCheck,
} from "../adding/train-adder";
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../bench-row";

const kinds = ["LSTM", "GRU", "RNN"] as const;
const colors = { LSTM: "#3b82f6", GRU: "#10b981", RNN: "#ef4444" } as const;
const figures = new URL("../../docs/guide/figures/", import.meta.url);
/** Updates after which a network counts as having failed. */
const mostUpdates = { 50: 1500, 100: 2500, 200: 4000 } as const;
/** The simple network does not get there; watching it longer shows nothing new. */
const updatesOfSimple = 600;

type Length = keyof typeof mostUpdates;

/** Long-range memory: the adding problem, and what clipping and initialisers change. */
export const rnnAddingSuite: BenchSuite = {
  name: "rnn-adding",
  description:
    "adding problem over 50 to 200 steps, gradient norms, clipping; --rounds is the seeds",
  async run(options) {
    using device = await createDevice("wasm");
    mkdirSync(figures, { recursive: true });
    const rows: BenchRow[] = [];
    for (const steps of [50, 100, 200] as const) {
      if (isChosen(options, `T=${steps}`)) rows.push(...(await runLength(steps, device, options)));
    }
    if (isChosen(options, "clipping")) rows.push(...(await runClipping(device, options)));
    return rows;
  },
};

function isChosen({ only }: BenchOptions, name: string): boolean {
  return only === undefined || name.includes(only);
}

async function runLength(steps: Length, device: Device, options: BenchOptions) {
  const results = new Map<(typeof kinds)[number], AdderResult[]>();
  for (const kind of kinds) {
    const found: AdderResult[] = [];
    for (let seed = 1; seed <= options.rounds; seed++) {
      const maxUpdates = kind === "RNN" ? updatesOfSimple : mostUpdates[steps];
      const learningRate = kind === "RNN" ? 1e-3 : 1e-2;
      const settings = { kind, steps, seed, maxUpdates, device, clipNorm: 1, learningRate };
      const result = await trainAdder(settings);
      found.push(result);
      options.log(
        `T=${steps} ${kind} seed ${seed}: error ${result.error.toFixed(4)} after ${result.updates} updates`,
      );
    }
    results.set(kind, found);
  }
  drawErrors(steps, results);
  drawNorms(steps, results);
  return [...results].flatMap(([kind, found]) => [
    rowOf(
      `${kind} T=${steps}, worst of ${found.length} seeds`,
      "mean squared error",
      Math.max(...found.map(({ error }) => error)),
    ),
    rowOf(
      `${kind} T=${steps}, median of ${found.length} seeds`,
      "updates",
      median(found.map(({ updates }) => updates)),
    ),
    rowOf(
      `${kind} T=${steps}, gradient norm by lag`,
      "ln per step",
      median(found.map(({ gradientNorms }) => logSlope(gradientNorms))),
    ),
  ]);
}

function drawErrors(
  steps: number,
  results: ReadonlyMap<(typeof kinds)[number], AdderResult[]>,
): void {
  const lines = [...results].flatMap(([kind, [first]]) =>
    first === undefined
      ? []
      : [
          {
            label: kind,
            color: colors[kind],
            points: first.curve.map(
              (error, index) => [(index + 1) * updatesPerCheck, error] as const,
            ),
          },
        ],
  );
  const title = `Adding problem, T = ${steps}: error on new sequences (first seed)`;
  const chart = lineChart({ title, xLabel: "updates", yLabel: "mean squared error", lines });
  writeFileSync(new URL(`adding-${steps}.svg`, figures), chart);
}

function drawNorms(
  steps: number,
  results: ReadonlyMap<(typeof kinds)[number], AdderResult[]>,
): void {
  const lines = [...results].flatMap(([kind, [first]]) =>
    first === undefined
      ? []
      : [
          {
            label: kind,
            color: colors[kind],
            points: first.gradientNorms.map((norm, lag) => [lag, norm] as const),
          },
        ],
  );
  const title = `Gradient of the loss by lag, T = ${steps}, before training`;
  const chart = lineChart({ title, xLabel: "lag", yLabel: "norm", lines, logarithmic: true });
  writeFileSync(new URL(`gradient-norms-${steps}.svg`, figures), chart);
}

/** Relu networks by plain descent: how many runs diverge. */
async function runClipping(device: Device, { rounds, log }: BenchOptions): Promise<BenchRow[]> {
  const starts: readonly (readonly [RecurrentInitializer, number])[] = [
    ["uniform", 1],
    ["uniform", 2.5],
    ["orthogonal", 1],
    ["identity", 1],
    ["identity", 1.02],
  ];
  const rows: BenchRow[] = [];
  for (const [recurrent, gain] of starts) {
    for (const clipNorm of [undefined, 1]) {
      const found: AdderResult[] = [];
      for (let seed = 1; seed <= rounds; seed++) {
        const settings: AdderOptions = {
          kind: "relu RNN",
          steps: 100,
          seed,
          maxUpdates: 200,
          device,
          optimizer: "sgd",
          learningRate: 1e-2,
          clipNorm,
          start: { recurrent, gain },
        };
        found.push(await trainAdder(settings));
      }
      const rate = found.filter(({ diverged }) => diverged).length / found.length;
      const name = `relu RNN T=100, ${recurrent} × ${gain}, ${clipNorm === undefined ? "no clipping" : "clipped to 1"}`;
      log(`${name}: ${rate}`);
      rows.push(rowOf(`${name}, diverged`, "share of runs", rate));
      rows.push(
        rowOf(
          `${name}, gradient norm by lag`,
          "ln per step",
          median(found.map(({ gradientNorms }) => logSlope(gradientNorms))),
        ),
      );
    }
  }
  return rows;
}

function rowOf(name: string, unit: string, ours: number): BenchRow {
  return {
    suite: "rnn-adding",
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
