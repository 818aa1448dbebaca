import { type LanguageModel, loadModel, readGguf, Tokenizer } from "@x/models";
import { openFile, resolveModel } from "@x/models/node";
import { TokenVocabulary } from "../../../src/index";

/** The tokenizer that tests run against: that of SmolLM2-135M-Instruct. */
export async function loadTokenizer(): Promise<Tokenizer> {
  const file = await openFile(await resolveModel("smollm2-135m-instruct"));
  try {
    return Tokenizer.fromGguf((await readGguf(file)).metadata);
  } finally {
    await file.close();
  }
}

/** The model that tests run against. Dispose it. */
export async function loadTestModel(): Promise<LanguageModel> {
  const file = await openFile(await resolveModel("smollm2-135m-instruct"));
  try {
    return await loadModel(file);
  } finally {
    await file.close();
  }
}

/** The tokens of `tokenizer` that are text. */
export function vocabularyOf(tokenizer: Tokenizer): TokenVocabulary {
  return new TokenVocabulary(
    Array.from({ length: tokenizer.vocabularySize }, (_, id) =>
      tokenizer.isSpecial(id) ? undefined : tokenizer.tokenBytes(id),
    ),
    tokenizer.eosTokenIds,
  );
}
