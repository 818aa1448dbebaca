import { mkdirSync, writeFileSync } from "node:fs";
import { lshAttention } from "@x/attention-linear";
import { flashDecode } from "@x/flash";
import { createDevice, type Device, type Tensor, tidy } from "@x/tensor";
import { lineChart } from "../../adding/line-chart";
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../../bench-row";
import { slope } from "../../slope";
import { bucketFigure } from "./bucket-figure";
import { attendAtOnce } from "./exact";
import {
  benchMembers,
  headSize,
  heads,
  type MemberOperands,
  makeOperands,
  tokenOf,
} from "./members";

const figures = new URL("../../docs/guide/figures/", import.meta.url);
const lengths = Array.from({ length: 8 }, (_, index) => 2 ** (9 + index)); // 512 to 65,536
/** With shorter ones, for where the curves cross. */
const timedLengths = [32, 64, 128, 256, ...lengths];
/** Beyond, the matrix of scores of all heads takes gigabytes. */
const longestAtOnce = 4096;
/** Tokens whose times are taken at each length, at most. */
const sampled = 256;

type Points = readonly (readonly [length: number, value: number])[];

/** How memory and the time of a token grow with the text: slopes on log-log scales. */
export const slopesSuite: BenchSuite = {
  name: "attention-linear-slopes",
  description: "linear and LSH attention: peak bytes and time per token from 512 to 65,536 tokens",
  async run(options) {
    using device = await createDevice("wasm", { threads: 1 });
    mkdirSync(figures, { recursive: true });
    writeFileSync(new URL("lsh-buckets.svg", figures), bucketFigure(device));
    const isChosen = (name: string) => options.only === undefined || name.includes(options.only);
    return [
      ...(isChosen("bytes") ? byteRows(device, options) : []),
      ...(isChosen("time") ? timeRows(device, options) : []),
    ];
  },
};

function byteRows(device: Device, { log }: BenchOptions): BenchRow[] {
  const { members, favor } = benchMembers(device);
  const linear = members[0];
  const kinds: Record<string, (operands: MemberOperands) => unknown> = {
    "linear, recurrent": (operands) => linear?.run(operands, { form: "recurrent" }),
    "linear, chunked": (operands) => linear?.run(operands, { form: "chunked" }),
    "LSH, 4 rounds": ({ queries, values }) => lshAttention(queries, values, { seed: 1 }),
    "softmax, all scores": ({ queries, keys, values }) => attendAtOnce(queries, keys, values),
  };
  const points = Object.entries(kinds).map(([name, run]): [string, Points] => {
    const most = name.startsWith("softmax") ? longestAtOnce : (lengths.at(-1) ?? 0);
    const found = lengths
      .filter((length) => length <= most)
      .map((length) => {
        using operands = makeOperands(device, length);
        const bytes = peakBytes(device, () => run(operands));
        log(`${name}, N = ${length}: ${(bytes / 1e6).toFixed(1)} MB`);
        return [length, bytes] as const;
      });
    return [name, found];
  });
  favor.dispose();
  draw("linear-memory", "Peak extra memory", "MB", points, 1e6);
  return points.map(([name, found]) => slopeRow(`bytes: ${name}`, found, device));
}

/** Most bytes held at once above what was held before. */
function peakBytes(device: Device, run: () => unknown): number {
  const before = device.memory().bytes;
  let peak = 0;
  device.onLaunch = () => {
    peak = Math.max(peak, device.memory().bytes - before);
  };
  tidy(() => void run());
  device.onLaunch = undefined;
  return peak;
}

function timeRows(device: Device, options: BenchOptions): BenchRow[] {
  const { members, favor } = benchMembers(device);
  const longest = lengths.at(-1) ?? 0;
  using operands = makeOperands(device, longest);
  const points = members.map(({ name, run }): [string, Points] => {
    let state: Tensor | undefined;
    const step = (t: number) => {
      using token = tokenOf(operands, t);
      const { output, finalState } = run(token, { ...(state && { initialState: state }) });
      output.dispose();
      state?.dispose();
      state = finalState;
    };
    return [name, timesAt(step, longest, name, options)];
  });
  const { queries, keys, values } = operands;
  const attend = (t: number) => {
    using query = queries.slice(1, t, t + 1);
    using past = keys.slice(1, 0, t + 1);
    using pastValues = values.slice(1, 0, t + 1);
    flashDecode(query, past, pastValues).dispose();
  };
  const softmax = samplesAt(attend, "cached softmax", options);
  favor.dispose();
  const all: [string, Points][] = [...points, ["cached softmax", softmax]];
  draw("linear-time", "Time of a token", "µs", all, 1e-3);
  return [
    ...all.map(([name, found]) => slopeRow(`time per token: ${name}`, found, device)),
    ...points.map(([name, found]) => ({
      ...described(`${name} overtakes cached softmax`, "tokens", device),
      ours: crossover(found, softmax),
      peer: null,
      peerName: null,
      ratio: null,
    })),
  ];
}

/** Generates all tokens, and gives the median time of those before each length. */
function timesAt(
  step: (t: number) => void,
  longest: number,
  name: string,
  { log }: BenchOptions,
): Points {
  for (let t = 0; t < 2 * sampled; t++) step(t); // a warm-up
  const times = new Float64Array(longest);
  for (let t = 0; t < longest; t++) {
    const begin = performance.now();
    step(t);
    times[t] = performance.now() - begin;
  }
  return timedLengths.map((length) => {
    const time = typical([...times.subarray(Math.max(length / 2, length - sampled), length)]);
    log(`${name}, token ${length}: ${(time * 1000).toFixed(0)} µs`);
    return [length, time] as const;
  });
}

/** The median time of tokens at each length, without those between: they are independent. */
function samplesAt(step: (t: number) => void, name: string, { log }: BenchOptions): Points {
  for (let t = 0; t < 2 * sampled; t++) step(t); // a warm-up
  return timedLengths.map((length) => {
    const times = Array.from({ length: Math.min(length / 2, sampled) }, (_, index) => {
      const begin = performance.now();
      step(length - 1 - index);
      return performance.now() - begin;
    });
    const time = typical(times);
    log(`${name}, token ${length}: ${(time * 1000).toFixed(0)} µs`);
    return [length, time] as const;
  });
}

/** The median of the faster half: other processes only ever slow a token down. */
function typical(times: readonly number[]): number {
  const sorted = [...times].sort((left, right) => left - right);
  return median(sorted.slice(0, Math.ceil(sorted.length / 2)));
}

/** Where a rising curve first reaches the other, between the lengths by their logarithms. */
function crossover(flat: Points, rising: Points): number {
  for (const [index, [length, time]] of rising.entries()) {
    const other = flat[index]?.[1] ?? 0;
    if (time < other) continue;
    const before = rising[index - 1];
    if (before === undefined) return length;
    const [from, to] = [Math.log(before[1] / (flat[index - 1]?.[1] ?? 1)), Math.log(time / other)];
    return Math.round(before[0] * (length / before[0]) ** (-from / (to - from)));
  }
  return Number.NaN;
}

function slopeRow(name: string, points: Points, device: Device): BenchRow {
  const logarithmic = logSlope(points.filter(([length]) => length >= (lengths[0] ?? 0)));
  return {
    ...described(name, "log-log slope × 100", device),
    ours: 100 * logarithmic,
    peer: null,
    peerName: null,
    ratio: null,
  };
}

/** The slope of ln y over ln x. */
function logSlope(points: Points): number {
  return slope(points.map(([x, y]) => [Math.log(x), Math.log(y)] as const));
}

function described(name: string, unit: string, device: Device) {
  return {
    suite: "attention-linear-slopes",
    case: `${name} (${device.kernels})`,
    unit,
    threads: 1,
    node: process.version,
  };
}

const colors = [
  "#3b82f6",
  "#8b5cf6",
  "#06b6d4",
  "#10b981",
  "#84cc16",
  "#f59e0b",
  "#ec4899",
  "#ef4444",
];

function draw(
  file: string,
  title: string,
  unit: string,
  points: readonly (readonly [string, Points])[],
  unitSize: number,
): void {
  const chart = lineChart({
    title: `${title}, ${heads} heads of ${headSize}`,
    xLabel: "log₂ of the tokens",
    yLabel: unit,
    logarithmic: true,
    lines: points.map(([name, found], index) => ({
      label: name.replace("linear, ", "").replace(/, (all|4).*/, ""), // the legend is narrow
      color: colors[index % colors.length] ?? "#888",
      points: found.map(([length, value]) => [Math.log2(length), value / unitSize] as const),
    })),
  });
  writeFileSync(new URL(`${file}.svg`, figures), chart);
}
