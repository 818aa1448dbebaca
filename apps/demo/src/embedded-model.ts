import { networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";
import { findCachedModel, ModelFileError } from "@x/models/node";
import { fetchModelFile, type OpenModelContext } from "./open-model";

/** Name under which the embedded model is reported. */
export const embeddedName = "kjv-lstm";

/** Text with which the embedded model begins when none is given. */
export const embeddedPrompt = "And it came to pass";

/** What the embedded model samples with, unless the user says otherwise: greedy, it repeats itself. */
export const embeddedTemperature = 0.7;

/** The model that lies in the repository: see `models/README.md`. */
const embeddedPath = fileURLToPath(new URL("../models/kjv-lstm.gguf", import.meta.url));

/** Which file to load. */
export interface ChosenModel {
  readonly path: string;
  readonly isEmbedded: boolean;
  /** Why the embedded model stands in, if it does. */
  readonly reason?: string;
}

/** How the default model is looked for. */
export interface ChooseOptions {
  /** Use what is on this machine. */
  readonly isOffline: boolean;
}

/**
 * The default model's file: from the cache, else from the network, else the small one that is in the
 * repository. Without any network it does not wait for one.
 */
export async function chooseDefaultModel(
  name: string,
  { isOffline }: ChooseOptions,
  context: OpenModelContext,
): Promise<ChosenModel> {
  const cached = await findCachedModel(name, { signal: context.signal });
  if (cached.state === "valid") return { path: cached.path, isEmbedded: false };
  if (isOffline) return embedded(`${name} is not in the cache`);
  if (!hasNetwork()) return embedded(`there is no network to fetch ${name}`);
  try {
    return { path: await fetchModelFile(name, context), isEmbedded: false };
  } catch (error) {
    if (!(error instanceof ModelFileError) || error.details.reason === "storage") throw error;
    return embedded(error.message.replace(/;.*/s, ""));
  }
}

function embedded(reason: string): ChosenModel {
  return { path: embeddedPath, isEmbedded: true, reason };
}

/** Whether any interface leads out of this machine. */
function hasNetwork(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ internal }) => !internal),
  );
}
