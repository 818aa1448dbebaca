// Writes llama-cpp-vulkan.json: llama.cpp's greedy tokens on the quantized file itself, by its Vulkan
// backend with float32 shaders, which round no activation. A software Vulkan driver will do
// (Debian: mesa-vulkan-drivers), at some three minutes a prompt.
//
//   GGML_VK_VISIBLE_DEVICES=0 GGML_VK_DISABLE_F16=1 GGML_VK_DISABLE_INTEGER_DOT_PRODUCT=1 \
//     node llama_cpp_vulkan.mjs MODEL.gguf FIXTURE_FOLDER
//
// The prompts are those of llama-cpp-greedy.json in FIXTURE_FOLDER.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { getLlama } from "node-llama-cpp";
import { decodeGreedily } from "./decode_greedily.mjs";

const SETTINGS = {
  contextSize: 1024,
  batchSize: 512,
  flashAttention: false,
  experimentalKvCacheKeyType: "F32",
  experimentalKvCacheValueType: "F32",
};

const [modelPath, fixtureFolder] = process.argv.slice(2);
const fixturePath = join(fixtureFolder, "llama-cpp-greedy.json");
const { prompts, versions } = JSON.parse(readFileSync(fixturePath, "utf8"));
const llama = await getLlama({ gpu: "vulkan", build: "never", logLevel: "error" });
const model = await llama.loadModel({ modelPath, gpuLayers: 99 });
const context = await model.createContext(SETTINGS);
const sequence = context.getSequence();
const lines = [];
for (const { id, promptTokenIds } of prompts) {
  const tokens = await decodeGreedily(sequence, promptTokenIds);
  lines.push(JSON.stringify({ id, tokens }));
}
await llama.dispose();
const header = `"versions": ${JSON.stringify(versions)},\n"settings": ${JSON.stringify(SETTINGS)}`;
writeFileSync(
  join(fixtureFolder, "llama-cpp-vulkan.json"),
  `{\n${header},\n"prompts": [\n${lines.join(",\n")}\n]\n}\n`,
);
