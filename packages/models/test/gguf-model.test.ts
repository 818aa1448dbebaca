import { expect, it } from "vitest";
import { readGguf } from "../src/gguf/read-gguf";
import { openTestModel } from "./support/model-file";

it("reads the header of SmolLM2-135M-Instruct, as gguf-py does", { timeout: 60_000 }, async () => {
  const source = await openTestModel();
  let largestRead = 0;
  const { metadata, tensors, version, alignment } = await readGguf({
    ...source,
    read: (offset, target, signal) => {
      largestRead = Math.max(largestRead, target.byteLength);
      return source.read(offset, target, signal);
    },
  });
  await source.close();

  expect([version, alignment, source.size]).toEqual([3, 32, 98_362_432]);
  expect([metadata.size, tensors.size]).toEqual([33, 272]);
  expect(largestRead).toBeLessThanOrEqual(1024 * 1024);
  expect(metadata.getString("general.architecture")).toBe("llama");
  expect(metadata.getNumber("llama.block_count")).toBe(30);
  expect(metadata.getNumber("llama.attention.head_count_kv")).toBe(3);
  expect(metadata.getNumber("llama.rope.freq_base")).toBe(100_000);
  expect(metadata.getNumber("llama.attention.layer_norm_rms_epsilon")).toBe(Math.fround(1e-5));
  expect(metadata.getBoolean("tokenizer.ggml.add_bos_token")).toBe(false);
  expect(metadata.getStringArray("general.languages")).toEqual(["en"]);
  const tokens = metadata.getStringArray("tokenizer.ggml.tokens");
  expect([tokens.length, tokens[1], tokens[49_151]]).toEqual([49_152, "<|im_start|>", "ectable"]);
  const types = metadata.getNumberArray("tokenizer.ggml.token_type");
  expect([types.length, types[16], types[17]]).toEqual([49_152, 3, 1]);
  expect(metadata.getStringArray("tokenizer.ggml.merges")[8]).toBe("Ġt he");

  expect(tensors.get("token_embd.weight")).toEqual({
    name: "token_embd.weight",
    shape: [49_152, 576],
    type: "Q8_0",
    offset: 1_785_664,
    byteLength: 30_081_024,
  });
  expect(tensors.get("blk.0.ffn_down.weight")).toMatchObject({
    shape: [576, 1536],
    type: "Q4_1",
    offset: 31_868_992,
    byteLength: 552_960,
  });
  const types4bit = [...tensors.values()].filter(({ type }) => type === "Q4_1");
  expect(types4bit.length).toBe(210);
  const bytes = [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(bytes).toBe(source.size - 1_785_664);
});
