import { findCachedModel, modelRegistry } from "@x/models/node";
import { Command } from "commander";
import { UsageError } from "../exit";
import { listenForInterruption } from "../interruption";
import { fetchModelFile } from "../open-model";
import { formatModelTable } from "../presenters/model-table";
import { createProgress } from "../presenters/progress";

/** `models`: what can be run by name. */
export function modelsCommand(): Command {
  const command = new Command("models").description("list the known models").action(list);
  command
    .command("pull")
    .description("fetch a model into the cache and print the path of its file")
    .argument("<name>", "name from the list")
    .action(pull);
  return command;
}

async function list(): Promise<void> {
  const models = await Promise.all(Object.keys(modelRegistry).map((name) => findCachedModel(name)));
  process.stdout.write(formatModelTable(models));
}

async function pull(name: string): Promise<void> {
  if (!Object.hasOwn(modelRegistry, name)) {
    const known = Object.keys(modelRegistry).join(", ");
    throw new UsageError(`unknown model ${JSON.stringify(name)}; known models: ${known}`);
  }
  using interruption = listenForInterruption();
  const progress = createProgress(process.stderr);
  const path = await fetchModelFile(name, { progress, signal: interruption.signal });
  process.stdout.write(`${path}\n`);
}
