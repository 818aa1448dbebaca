// Draws the figures of docs/guide/flash.md from what the instrumented kernels count.
//
//   node scripts/make-figures.mjs   (after a build)
import { mkdirSync, writeFileSync } from "node:fs";
import { colours, lineChart } from "../../paged-scheduler/scripts/svg-chart.mjs";
import { ioCost, tileSizesFor } from "../dist/index.js";
import { measureTraffic } from "../dist/instrumented.js";

const headSize = 64;
const million = 1e6;
const folder = new URL("../docs/figures/", import.meta.url);
mkdirSync(folder, { recursive: true });

const write = (name, svg) => writeFileSync(new URL(name, folder), svg);
const log = Math.log10;
const power = (value) => log(value * million);

/** Millions of elements that the kernels really move. */
function counted(tokens, tile) {
  const { loads, stores } = measureTraffic({ tokens, headSize, tile });
  return (loads + stores) / million;
}

const lengths = [256, 512, 1024, 2048, 4096];
const tiles = [
  { tile: { queries: 32, keys: 32 }, colour: colours[2] },
  { tile: { queries: 64, keys: 64 }, colour: colours[0] },
  { tile: { queries: 128, keys: 64 }, colour: colours[3] },
];
write(
  "traffic-by-length.svg",
  lineChart({
    title: "Elements moved for one head of 64, counted (log scales)",
    x: { label: "tokens N", min: 256, max: 4096, ticks: lengths, scale: "log" },
    y: {
      label: "elements",
      min: power(0.05),
      max: power(100),
      ticks: [0.1, 1, 10, 100].map((value) => [power(value), `${value} M`]),
    },
    lines: [
      {
        name: "standard",
        colour: colours[1],
        points: lengths.map((tokens) => [
          tokens,
          log(ioCost({ tokens, headSize, schedule: "standard" }).total),
        ]),
      },
      ...tiles.map(({ tile, colour }) => ({
        name: `tiles ${tile.queries} × ${tile.keys}`,
        colour,
        marks: true,
        points: lengths.map((tokens) => [tokens, power(counted(tokens, tile))]),
      })),
    ],
    legend: { x: 90, y: 60 },
  }),
);

const memories = [4096, 8192, 16384, 32768, 65536];
write(
  "traffic-by-memory.svg",
  lineChart({
    title: "The same at N = 2,048, by the size of fast memory (log scales)",
    x: {
      label: "fast memory M, elements",
      min: 4096,
      max: 65536,
      ticks: memories.map((memory) => [memory, `${memory / 1024} k`]),
      scale: "log",
    },
    y: {
      label: "elements",
      min: power(1),
      max: power(100),
      ticks: [1, 10, 100].map((value) => [power(value), `${value} M`]),
    },
    lines: [
      {
        name: "counted",
        colour: colours[0],
        marks: true,
        points: memories.map((memory) => [
          memory,
          power(counted(2048, tileSizesFor(memory, headSize))),
        ]),
      },
      {
        name: "proportional to 1 / M",
        colour: colours[3],
        points: memories.map((memory) => [
          memory,
          power((counted(2048, tileSizesFor(4096, headSize)) * 4096) / memory),
        ]),
      },
    ],
  }),
);
