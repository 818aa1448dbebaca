import { modelFile } from "./model-file";

/** Before any test: the download must not count against a test's time limit. */
export default async function setup(): Promise<void> {
  await modelFile();
}
