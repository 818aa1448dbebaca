import { byteSourceFromBuffer, type LanguageModel, loadModel, scalar } from "@x/models";
import { openFile, resolveModel } from "@x/models/node";
import { tinyLlama } from "../../../models/test/support/tiny-llama";

/** A Llama of two random layers over bytes: every generation takes milliseconds. */
export async function openTinyModel(contextLength = 256): Promise<LanguageModel> {
  const metadata = { "llama.context_length": scalar("uint32", contextLength) };
  return loadModel(byteSourceFromBuffer(tinyLlama({ metadata }), "tiny.gguf"), { threads: 1 });
}

/** The real model that tests run against. */
export async function openSmolLM2(): Promise<LanguageModel> {
  const file = await openFile(await resolveModel("smollm2-135m-instruct"));
  try {
    // One thread: others would wait for each other while other tests compute. Results are the same.
    return await loadModel(file, { threads: 1 });
  } finally {
    await file.close();
  }
}
