import { expect, it } from "vitest";
import { scalar } from "../src/gguf/write-gguf";
import { byteSourceFromBuffer, loadModel } from "../src/index";
import { tinyLlama } from "./support/tiny-llama";

const cycles = 100;
const tokensPerCycle = 500;

it("decodes 50,000 tokens with the same bits in every cycle, and memory as it was", async () => {
  const file = tinyLlama({ metadata: { "llama.context_length": scalar("uint32", 512) } });
  using language = await loadModel(byteSourceFromBuffer(file), { threads: 2 });
  const { model } = language;
  using cache = model.createPagedCache!({ numBlocks: 32, blockSize: 16 });
  using state = cache.createState();
  const blocks = Array.from({ length: 32 }, (_, index) => (index * 13) % 32);
  let first: Float32Array | undefined;
  let memory: unknown;
  for (let cycle = 0; cycle < cycles; cycle++) {
    state.assign(blocks, 0);
    let last = new Float32Array();
    for (let token = 0; token < tokensPerCycle; token++) {
      using logits = model.forward([{ state, tokenIds: [(token * 37) % 262] }]);
      if (token === tokensPerCycle - 1) last = logits.dataSync() as typeof last;
    }
    expect(last.every(Number.isFinite)).toBe(true);
    first ??= last;
    expect(last).toEqual(first);
    memory ??= model.device.memory();
    expect(model.device.memory()).toEqual(memory);
  }
}, 300_000);
