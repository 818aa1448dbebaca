// Draws the figures of the guide from the simulator and the scheduler, as built:
//   npm run build && node scripts/make-figures.mjs
// Prints the numbers that the guide quotes. The same bytes each time: nothing here is measured.
import { writeFileSync } from "node:fs";
import { publishedLengths, simulate, synthesizeTrace } from "../dist/simulator.js";
import { drawBlocks } from "./draw-blocks.mjs";
import { barChart, colours, lineChart } from "./svg-chart.mjs";

const policies = [
  { memory: "paged", name: "pages of 16" },
  { memory: "oracle", name: "oracle reservation" },
  { memory: "power-of-two", name: "power of two" },
  { memory: "max", name: "maximum" },
].map((policy, index) => ({ ...policy, colour: colours[index] }));

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const percentTicks = [0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => [share, `${100 * share} %`]);

function save(name, svg) {
  writeFileSync(new URL(`../docs/figures/${name}.svg`, import.meta.url), svg);
}

function report(...cells) {
  process.stdout.write(`${cells.join("\t")}\n`);
}

const { shareGpt, alpaca } = publishedLengths;
const crowd = synthesizeTrace({ numRequests: 1500, lengths: shareGpt });
const maxSteps = 3000;

report("policy", "useful", "running", "started", "preempted", "recomputed");
const saturated = policies.map((policy) => {
  const result = simulate(crowd, { memory: policy.memory, maxSteps });
  const { usefulShare, numRunning } = result.saturated;
  const recomputed = result.numRecomputedTokens / result.numComputedTokens;
  report(
    policy.memory,
    percent(usefulShare),
    numRunning.toFixed(1),
    result.numStarted,
    result.numPreemptions,
    percent(recomputed),
  );
  return { ...policy, result };
});

save(
  "useful-memory",
  barChart({
    title: "Key/value memory that holds something, at saturation",
    y: { label: "share of all slots", min: 0, max: 1, ticks: percentTicks },
    bars: saturated.map(({ name, colour, result }) => ({
      name,
      colour,
      value: result.saturated.usefulShare,
      label: percent(result.saturated.usefulShare),
    })),
  }),
);

save(
  "batch-size",
  lineChart({
    title: "Requests that run at a time, when all wait from the start",
    x: { label: "step", min: 0, max: maxSteps, ticks: [0, 1000, 2000, 3000] },
    y: { label: "running requests", min: 0, max: 100, ticks: [0, 20, 40, 60, 80, 100] },
    lines: saturated.map(({ name, colour, result }) => ({
      name,
      colour,
      points: result.samples
        .filter((_, index) => index % 4 === 0)
        .map(({ step, numRunning }) => [step, numRunning]),
    })),
  }),
);

const blockSizes = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const byBlockSize = blockSizes.map((blockSize) => {
  const scheduler = { blockSize };
  const { usefulShare } = simulate(crowd, { memory: "paged", maxSteps, scheduler }).saturated;
  report("block size", blockSize, percent(usefulShare));
  return [blockSize, usefulShare];
});
save(
  "block-size",
  lineChart({
    title: "Useful memory by block size",
    x: {
      label: "tokens per block",
      min: 1,
      max: 256,
      ticks: blockSizes,
      scale: "log",
    },
    y: { label: "share of all slots", min: 0, max: 1, ticks: percentTicks },
    lines: [{ name: "pages", points: byBlockSize, colour: colours[0], marks: true }],
  }),
);

const watermarks = [0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.2];
const byWatermark = watermarks.map((watermark) => {
  const result = simulate(crowd, { memory: "paged", maxSteps, scheduler: { watermark } });
  const recomputed = result.numRecomputedTokens / result.numComputedTokens;
  report(
    "watermark",
    watermark,
    percent(result.saturated.usefulShare),
    `${result.numPreemptions} preemptions`,
    `${percent(recomputed)} recomputed`,
    `${result.outputThroughput.toFixed(0)} tokens/s`,
  );
  return { watermark, recomputed, result };
});
save(
  "watermark",
  lineChart({
    title: "What a watermark costs and saves",
    legend: { x: 440, y: 160 },
    x: {
      label: "watermark, share of blocks",
      min: 0,
      max: 0.2,
      ticks: [0, 0.05, 0.1, 0.15, 0.2].map((share) => [share, `${Math.round(100 * share)} %`]),
    },
    y: { label: "share", min: 0, max: 1, ticks: percentTicks },
    lines: [
      {
        name: "useful slots",
        colour: colours[0],
        marks: true,
        points: byWatermark.map(({ watermark, result }) => [
          watermark,
          result.saturated.usefulShare,
        ]),
      },
      {
        name: "recomputed tokens",
        colour: colours[1],
        marks: true,
        points: byWatermark.map(({ watermark, recomputed }) => [watermark, recomputed]),
      },
    ],
  }),
);

const rates = [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const latencies = policies.map((policy) => {
  const points = rates.map((requestRate) => {
    const trace = synthesizeTrace({ numRequests: 400, lengths: shareGpt, requestRate, seed: 1 });
    const scheduler = policy.memory === "paged" ? { scheduler: { watermark: 0.03 } } : {};
    const result = simulate(trace, { memory: policy.memory, sampleEvery: 1000, ...scheduler });
    // The median: one short answer behind a long queue would outweigh a hundred others.
    return [requestRate, result.normalizedLatencies[200]];
  });
  report("latency", policy.memory, ...points.map(([rate, value]) => `${rate}:${value.toFixed(3)}`));
  return { ...policy, points };
});
save(
  "latency",
  lineChart({
    title: "Median latency by request rate (modelled, 13 billion weights)",
    legend: { x: 90, y: 70 },
    x: { label: "requests per second", min: 0.5, max: 4, ticks: [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4] },
    y: { label: "seconds per output token", min: 0, max: 0.5, ticks: [0, 0.1, 0.2, 0.3, 0.4, 0.5] },
    lines: latencies.map(({ name, colour, points }) => ({ name, colour, points, marks: true })),
  }),
);

for (const [name, lengths] of Object.entries({ alpaca, shareGpt })) {
  for (const equalOutputs of [true, false]) {
    const savings = [2, 4, 6].map((n) => {
      const trace = synthesizeTrace({ numRequests: 1000, lengths, n, equalOutputs });
      const options = { memory: "paged", maxSteps: 5000, scheduler: { watermark: 0.05 } };
      return percent(simulate(trace, options).saturated.sharedSaving);
    });
    report("parallel sampling", name, equalOutputs ? "equal" : "own", "2, 4, 6:", ...savings);
  }
}
for (const length of [80, 341]) {
  const lengths = { meanPrompt: 30, meanOutput: 60, spreadPrompt: 0.5, spreadOutput: 0.5 };
  const trace = synthesizeTrace({ numRequests: 600, lengths, prefixes: { count: 1, length } });
  const [shared, alone] = [true, false].map((prefixCaching) =>
    simulate(trace, { memory: "paged", scheduler: { prefixCaching } }),
  );
  report(
    "shared prefix",
    length,
    `throughput ${(shared.requestThroughput / alone.requestThroughput).toFixed(2)} times`,
    `first token ${(mean(alone.timesToFirstToken) / mean(shared.timesToFirstToken)).toFixed(2)} times sooner`,
    `computed ${shared.numComputedTokens} of ${alone.numComputedTokens}`,
  );
}

save("blocks", drawBlocks());
