// Writes llama-cpp-greedy.json: what llama.cpp makes of our prompts and texts.
//
//   node llama_cpp_fixtures.mjs MODEL.gguf WORK_FOLDER FIXTURE_FOLDER
//
// WORK_FOLDER holds tokens.json and weights-f32.gguf from hf_fixtures.py.
//
// Two greedy continuations of each prompt are kept. `float32` runs the dequantized weights with a
// float32 cache: llama.cpp then rounds no activation, which makes it an oracle for token equality.
// `quantized` runs the quantized file with llama.cpp's defaults, which round activations to 8 bits
// and the cache to float16: near-ties then fall either way, even between its own settings.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { getLlama } from "node-llama-cpp";
import { decodeGreedily, NEW_TOKENS } from "./decode_greedily.mjs";

const VERSIONS = { "node-llama-cpp": "3.21.1" };
const SHARED_OPTIONS = { contextSize: 1024, batchSize: 512, threads: 1 };
const RUNS = {
  float32: {
    flashAttention: false, // flash attention would cast the cache to float16
    experimentalKvCacheKeyType: "F32",
    experimentalKvCacheValueType: "F32",
  },
  quantized: {},
};

async function decodeAll(llama, modelPath, options, prompts) {
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({ ...SHARED_OPTIONS, ...options });
  const sequence = context.getSequence();
  const continuations = [];
  for (const prompt of prompts) {
    continuations.push(await decodeGreedily(sequence, prompt.tokenIds));
  }
  await context.dispose();
  await model.dispose();
  return continuations;
}

/** Compares llama.cpp's token ids with those of Hugging Face; llama.cpp's are the ones kept. */
function tokenizeTexts(model, texts) {
  const sameIds = (a, b) => a.length === b.length && a.every((id, index) => id === b[index]);
  return texts.map(({ text, plain, parsed }) => {
    const ours = { plain: model.tokenize(text, false), parsed: model.tokenize(text, true) };
    const differs = !sameIds(ours.plain, plain) || !sameIds(ours.parsed, parsed);
    return { text, ...ours, ...(differs && { huggingFace: { plain, parsed } }) };
  });
}

/** One list entry a line, so that a diff shows which of them changed. */
function formatJson(value) {
  const fields = Object.entries(value).map(([key, item]) => {
    const lines = (entries) => `[\n${entries.map((entry) => JSON.stringify(entry)).join(",\n")}\n]`;
    return `${JSON.stringify(key)}: ${Array.isArray(item) ? lines(item) : JSON.stringify(item)}`;
  });
  return `{\n${fields.join(",\n")}\n}\n`;
}

const [modelPath, workFolder, fixtureFolder] = process.argv.slice(2);
const { prompts, texts } = JSON.parse(readFileSync(join(workFolder, "tokens.json"), "utf8"));
const llama = await getLlama({ gpu: false, build: "never", maxThreads: 1, logLevel: "error" });
const quantized = await decodeAll(llama, modelPath, RUNS.quantized, prompts);
const float32Path = join(workFolder, "weights-f32.gguf");
const float32 = await decodeAll(llama, float32Path, RUNS.float32, prompts);
const vocabulary = await llama.loadModel({ modelPath, vocabOnly: true });
const fixture = {
  versions: { ...VERSIONS, "llama.cpp": llama.llamaCppRelease.release },
  settings: { ...SHARED_OPTIONS, newTokens: NEW_TOKENS, temperature: 0, ...RUNS },
  prompts: prompts.map(({ tokenIds, ...prompt }, index) => ({
    ...prompt,
    promptTokenIds: tokenIds,
    float32: float32[index],
    quantized: quantized[index],
  })),
  tokenization: tokenizeTexts(vocabulary, texts),
};
writeFileSync(join(fixtureFolder, "llama-cpp-greedy.json"), formatJson(fixture));
await llama.dispose();
