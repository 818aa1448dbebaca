import type { ByteSource } from "../../src/gguf/byte-source";
import { openFile, resolveModel } from "../../src/node";

/**
 * Opens the real model that tests run against. It comes from the cache or is downloaded; a test
 * that cannot have it fails with the reason, it never skips.
 */
export async function openTestModel(): Promise<ByteSource> {
  return openFile(await resolveModel("smollm2-135m-instruct"));
}
