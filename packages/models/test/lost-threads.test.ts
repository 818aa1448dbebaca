import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { bytesOf, empty, type Tensor } from "@x/tensor";
import { describe, expect, it } from "vitest";
import { byteSourceFromBuffer, type CausalLM, loadModel } from "../src/index";
import { tinyLlama } from "./support/tiny-llama";

const prompt = Array.from({ length: 40 }, (_, index) => (index * 37) % 262);

function read(logits: Tensor): Float32Array {
  using owned = logits;
  const values = owned.dataSync() as Float32Array;
  expect(values.every(Number.isFinite)).toBe(true);
  return values;
}

/** Logits of the prompt in one step and of three steps more. */
function run(model: CausalLM): Float32Array[] {
  using state = model.createState();
  return [prompt, [1], [2], [3]].map((tokenIds) => read(model.forward([{ state, tokenIds }])));
}

/**
 * A thread that takes a part of the next program and never does it: what is left when a worker
 * ends in the middle of one. It knows the control block of `assembly/program/control.ts`.
 */
const thief = `
const { parentPort, workerData } = require("node:worker_threads");
const position = new BigUint64Array(workerData, 2048, 1);
const hasChunks = (value) => (value & 0xffffffffn) > 0x10000n;
parentPort.postMessage("ready");
while (!hasChunks(Atomics.load(position, 0)) || !hasChunks(Atomics.sub(position, 0, 1n)));
`;

describe("a step that loses a thread", () => {
  it("ends in an error where the thread held a part, and the next one is right", async () => {
    using language = await loadModel(byteSourceFromBuffer(tinyLlama()), { threads: 3 });
    const { model } = language;
    const expected = run(model);
    using any = empty([1], { device: model.device });
    using state = model.createState();
    read(model.forward([{ state, tokenIds: [5], logits: "none" }]));
    const worker = new Worker(thief, { eval: true, workerData: bytesOf(any).buffer });
    await new Promise((resolve) => worker.once("message", resolve));
    // Steps that the thief comes too late for are right.
    let failure: unknown;
    while (failure === undefined) {
      try {
        read(model.forward([{ state, tokenIds: prompt }]));
        state.crop(1);
      } catch (error) {
        failure = error;
      }
    }
    expect(failure).toMatchObject({ code: "KERNEL_FAILED" });
    await worker.terminate();
    expect(state.length).toBe(1);
    expect(run(model)).toEqual(expected);
  }, 60_000);

  it("gives the right logits or an error, whenever a worker is killed", async () => {
    const threads = createRequire(import.meta.url)("node:worker_threads");
    const workers: Worker[] = [];
    threads.Worker = class extends Worker {
      constructor(...parameters: ConstructorParameters<typeof Worker>) {
        super(...parameters);
        workers.push(this);
      }
    };
    try {
      for (let attempt = 0; attempt < 5; attempt++) {
        using language = await loadModel(byteSourceFromBuffer(tinyLlama()), { threads: 2 });
        const { model } = language;
        const expected = run(model);
        // The order takes effect somewhere in the steps that follow.
        void workers.at(-1)?.terminate();
        for (let repeat = 0; repeat < 3; repeat++) {
          try {
            expect(run(model)).toEqual(expected);
          } catch (error) {
            expect(error).toMatchObject({ code: "KERNEL_FAILED" });
          }
        }
        expect(run(model)).toEqual(expected);
      }
    } finally {
      threads.Worker = Worker;
    }
  }, 120_000);
});
