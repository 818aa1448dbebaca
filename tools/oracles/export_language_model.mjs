// Writes what recurrent_language_model.py starts from: the initial weights of `npm run demo -- train`
// and the tokens of its text. Build the packages first.
//
//     node export_language_model.mjs TEXT OUTPUT.safetensors

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(new URL("../../apps/demo/package.json", import.meta.url));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { GgufMetadata, Tokenizer, trainBytePairs } = await load("@x/models");
const { RecurrentLanguageModel } = await load("@x/rnn");
const { createDevice, tensor, writeSafetensors } = await load("@x/tensor");

const [textPath, outputPath] = process.argv.slice(2);
const text = readFileSync(textPath, "utf8");
const { tokens, merges, preTokenizer } = trainBytePairs(text, 1024);
const tokenizer = Tokenizer.fromGguf(
  new GgufMetadata([
    ["tokenizer.ggml.model", "gpt2"],
    ["tokenizer.ggml.pre", preTokenizer],
    ["tokenizer.ggml.tokens", tokens],
    ["tokenizer.ggml.merges", merges],
    ["tokenizer.ggml.eos_token_id", tokens.length - 1],
  ]),
);
const ids = Float32Array.from(tokenizer.encode(text));
const device = await createDevice("wasm");
const model = new RecurrentLanguageModel({
  cell: "lstm",
  vocabularySize: tokens.length,
  embeddingSize: 192,
  hiddenSize: 384,
  layers: 1,
  device,
});
const all = { ...model.parameters, tokens: tensor(ids, [ids.length], { device }) };
writeFileSync(outputPath, await writeSafetensors(all));
