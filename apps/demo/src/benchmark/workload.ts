import { readFile } from "node:fs/promises";
import type { Prompt } from "@x/engine";
import { UsageError } from "../exit";
import type { Random } from "./random";

/** One request of a load. */
export interface WorkItem {
  readonly prompt: Prompt;
  readonly maxTokens: number;
}

/** A load of random words. */
export interface RandomWorkloadOptions {
  readonly count: number;
  /** Words of a prompt: about as many tokens. */
  readonly inputLength: number;
  /** Tokens of an answer. */
  readonly outputLength: number;
  /** Both vary by this share up and down, 0 to below 1. */
  readonly rangeRatio: number;
  /** Words that all prompts begin with. */
  readonly prefixLength: number;
  readonly asChat: boolean;
}

/** Words that most vocabularies hold as one token each. */
const words =
  "time year people way day man thing woman life child world school state family student group country problem hand part place case week company system program question work number night point home water room mother area money story fact month lot right study book eye job word business issue side kind head house service friend father power hour game line end member law car city name team minute idea body back parent face level office door health person art war history party result change morning reason research girl guy moment air teacher force education".split(
    " ",
  );

/** Prompts of random words, of random lengths about those given. */
export function randomWorkload(options: RandomWorkloadOptions, random: Random): WorkItem[] {
  const { count, inputLength, outputLength, rangeRatio, prefixLength, asChat } = options;
  const about = (length: number) =>
    Math.max(1, Math.round(length * (1 + rangeRatio * (2 * random() - 1))));
  const text = (length: number) =>
    Array.from({ length }, () => words[Math.floor(random() * words.length)]).join(" ");
  const prefix = prefixLength > 0 ? `${text(prefixLength)} ` : "";
  return Array.from({ length: count }, () => ({
    prompt: toPrompt(prefix + text(about(inputLength)), asChat),
    maxTokens: about(outputLength),
  }));
}

/**
 * The load in a file: a line for each request, JSON with `prompt` and, if it differs, `max_tokens`.
 *
 * @throws {UsageError} for a line that is none.
 */
export async function readWorkload(
  path: string,
  { count, outputLength, asChat }: RandomWorkloadOptions,
): Promise<WorkItem[]> {
  const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line.trim() !== "");
  return lines.slice(0, count).map((line, index) => {
    const { prompt, max_tokens: maxTokens = outputLength } = parseLine(line) ?? {};
    if (typeof prompt === "string" && Number.isSafeInteger(maxTokens) && Number(maxTokens) > 0) {
      return { prompt: toPrompt(prompt, asChat), maxTokens: Number(maxTokens) };
    }
    throw new UsageError(
      `${path}, line ${index + 1} is no request; use {"prompt": "…", "max_tokens": 64}`,
    );
  });
}

function parseLine(line: string): { prompt?: unknown; max_tokens?: unknown } | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function toPrompt(text: string, asChat: boolean): Prompt {
  return asChat ? [{ role: "user", content: text }] : text;
}
