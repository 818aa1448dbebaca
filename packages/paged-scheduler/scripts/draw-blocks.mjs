// An animated picture of blocks that fill, are shared, copied, taken away and found again: a real
// scheduler runs, and each of its snapshots is one frame.
import { Scheduler } from "../dist/index.js";
import { document, round, text } from "./svg-chart.mjs";

const secondsPerFrame = 1.6;
const blockSize = 4;
const columns = 6;
const cell = { width: 96, height: 62 };
const origin = { x: 20, y: 56 };
const size = { width: 640, height: 330 };
const colours = { A: "#1b6ca8", B: "#d1495b", C: "#2a9d8f", "A′": "#8a5fbf" };

export function drawBlocks() {
  const frames = record();
  const total = frames.length * secondsPerFrame;
  const body = frames.map((frame, index) => {
    const start = index / frames.length;
    const end = (index + 1) / frames.length;
    const values = index === 0 ? "1;0" : "0;1;0";
    const keyTimes = index === 0 ? `0;${end}` : `0;${start};${Math.min(end, 0.9999)}`;
    return `<g opacity="${index === 0 ? 1 : 0}"><animate attributeName="opacity" calcMode="discrete" values="${values}" keyTimes="${keyTimes}" dur="${total}s" repeatCount="indefinite"/>
${draw(frame, index, frames.length).join("\n")}
</g>`;
  });
  return document("Blocks that fill, are shared, copied, taken away and found again", body, size);
}

/** The story: each entry runs some scheduler calls and says what can be seen. */
function record() {
  const scheduler = new Scheduler({
    numBlocks: 13,
    blockSize,
    maxBatchedTokens: 16,
    maxSequences: 4,
  });
  const prefix = [1, 2, 3, 4, 5, 6, 7, 8];
  const frames = [];
  const show = (caption) => frames.push({ caption, snapshot: scheduler.snapshot() });
  const step = (times = 1) => {
    for (let count = 0; count < times; count++) {
      const output = scheduler.schedule();
      scheduler.update(
        output,
        output.scheduled.map(({ numSamples }) => new Array(numSamples).fill(9)),
      );
    }
  };
  const add = (id, promptTokens, maxTokens) =>
    scheduler.addRequest({ id, promptTokens, maxTokens });

  show("Twelve free blocks of four tokens; block 0 stands for “none”.");
  add("A", [...prefix, 11, 12], 20);
  step();
  show("A's prompt of 10 tokens takes three blocks. The full ones can be found again.");
  add("B", [...prefix, 21, 22, 23], 20);
  step();
  show("B begins with the same 8 tokens: it reuses blocks 1 and 2, and computes only 3.");
  step(2);
  show("Both generate. A block is taken when the one before is full.");
  scheduler.fork("A", { id: "A′" });
  show("A forks: A′ shares every block of A, the last one too.");
  step();
  show("Both write: whoever is first gets a copy of the last block.");
  add("C", [31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42], 6);
  step();
  show("C shares nothing and takes three blocks.");
  step();
  while (scheduler.stats().numPreemptions === 0) step();
  show("Blocks run out: the last to arrive, C, gives its own up and will be computed anew.");
  scheduler.abort("B");
  show("B is aborted: what it shared stays, the rest is free. Full blocks can still be found.");
  step();
  show("C is back. Its prompt's full blocks were still there.");
  while (scheduler.numUnfinishedRequests > 0) step();
  show("All have ended: every block is free, most of them findable. The oldest are taken first.");
  return frames;
}

function draw({ caption, snapshot }, index, numFrames) {
  const parts = [
    text(origin.x, 24, caption, { size: 14 }),
    text(size.width - 20, size.height - 12, `${index + 1} / ${numFrames}`, {
      anchor: "end",
      fill: "#777",
    }),
  ];
  for (const block of snapshot.blocks.slice(1)) parts.push(...drawBlock(block));
  const requests = [...snapshot.running, ...snapshot.waiting];
  requests.forEach(({ id, status, blockTables, numTokens, numComputedTokens }, row) => {
    const y = origin.y + 2 * (cell.height + 22) + 26 + 22 * row;
    const table = blockTables[0].length > 0 ? `blocks ${blockTables[0].join(" ")}` : "no blocks";
    parts.push(
      `<rect x="${origin.x}" y="${y - 11}" width="12" height="12" fill="${colours[id]}"/>`,
      text(
        origin.x + 20,
        y,
        `${id}  ${status}: ${table} (${numComputedTokens} of ${numTokens} tokens computed)`,
      ),
    );
  });
  return parts;
}

function drawBlock({ id, state, owners, numFilledSlots }) {
  const column = (id - 1) % columns;
  const row = Math.floor((id - 1) / columns);
  const x = origin.x + column * (cell.width + 5);
  const y = origin.y + row * (cell.height + 22);
  const slotWidth = (cell.width - 8) / blockSize;
  const parts = [
    `<rect x="${x}" y="${y}" width="${cell.width}" height="${cell.height}" rx="4" fill="${state === "used" ? "#fff" : "#f2f3f5"}" stroke="${state === "used" ? "#222" : "#b8bec6"}"${state === "free" ? ' stroke-dasharray="4 3"' : ""}/>`,
    text(x + 4, y + cell.height + 14, label(id, state, owners), { size: 11, fill: "#555" }),
  ];
  for (let slot = 0; slot < (state === "free" ? 0 : numFilledSlots); slot++) {
    // One stripe per owner.
    const shades = state === "used" ? owners.map((owner) => colours[owner]) : ["#c9ced6"];
    const stripe = (cell.height - 12) / shades.length;
    shades.forEach((shade, index) => {
      parts.push(
        `<rect x="${round(x + 4 + slot * slotWidth)}" y="${round(y + 6 + index * stripe)}" width="${round(slotWidth - 2)}" height="${round(stripe)}" fill="${shade}"/>`,
      );
    });
  }
  return parts;
}

function label(id, state, owners) {
  if (state !== "used") return `${id} ${state === "cached" ? "free, cached" : "free"}`;
  return owners.length > 1 ? `${id} ${owners.length} owners` : `${id}`;
}
