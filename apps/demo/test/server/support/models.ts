import { byteSourceFromBuffer, type LanguageModel, loadModel, scalar } from "@x/models";
import { openFile } from "@x/models/node";
import { tinyLlama } from "../../../../../packages/models/test/support/tiny-llama";
import { modelFile } from "../../model-file";

/** A Llama of two random layers over bytes: a token takes a fraction of a millisecond. */
export function openTinyModel(contextLength = 512): Promise<LanguageModel> {
  const metadata = { "llama.context_length": scalar("uint32", contextLength) };
  return loadModel(byteSourceFromBuffer(tinyLlama({ metadata }), "tiny.gguf"), { threads: 1 });
}

/** The real model that tests run against. */
export async function openSmolLM2(): Promise<LanguageModel> {
  const file = await openFile(await modelFile());
  try {
    return await loadModel(file);
  } finally {
    await file.close();
  }
}
