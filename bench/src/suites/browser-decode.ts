import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { readGguf, Tokenizer } from "@x/models";
import { openFile, resolveModel } from "@x/models/node";
import { chromium, type JSHandle, type Page } from "playwright";
import { chromiumOptions } from "../../../scripts/chromium-options.mjs";
import type { BenchOptions, BenchRow, BenchSuite } from "../bench-row";
import type { BrowserEngine, BrowserPrompt } from "../browser/browser-engine";
import type {} from "../browser/page";
import { serveIsolated } from "../browser/serve-isolated";
import { type Contestant, compareContestants } from "../compare-contestants";
import { installPeers, peersDirectory } from "../peers";

const modelName = "smollm2-135m-instruct";
const peerName = "wllama 3.13.0";
const contextSize = 640;
/** Tokens before those that are decoded. */
const context = 128;
/** Tokens that are decoded: few, as the peer needs a second for six. */
const steps = 24;
const promptLengths = [96, 512];

const html =
  '<!doctype html><title>bench</title><link rel="icon" href="data:,"><script type="module" src="/dist/page.js"></script>';

/** Tokens per second of prompts and of one sequence, in Chromium. */
export const browserDecodeSuite: BenchSuite = {
  name: "browser-decode",
  description: `prompts and decoding of ${modelName} in Chromium, against ${peerName}`,
  async run(options) {
    installPeers(options.log);
    const modelPath = await resolveModel(modelName);
    const server = await serveIsolated(html, {
      "/dist": fileURLToPath(new URL("browser/", import.meta.url)),
      "/peers": peersDirectory,
      "/model.gguf": modelPath,
    });
    const browser = await chromium.launch(chromiumOptions);
    try {
      const page = await browser.newPage();
      page.on("console", (message) => options.log(message.text()));
      page.on("pageerror", (error) => options.log(String(error)));
      await page.goto(server.url);
      const contestants = await openContestants(page, options);
      return await compareAll(contestants, await makePrompts(modelPath), options);
    } finally {
      await browser.close();
      server.close();
    }
  },
};

/** Gives a prompt of so many tokens. */
async function makePrompts(modelPath: string): Promise<(length: number) => BrowserPrompt> {
  const source = await openFile(modelPath);
  const { metadata } = await readGguf(source);
  await source.close();
  const text = "The history of computing begins long before electricity: ".repeat(200);
  const tokenizer = Tokenizer.fromGguf(metadata);
  const textTokens = tokenizer.encode(text);
  return (length) => {
    const tokenIds = textTokens.slice(0, length);
    return { text: tokenizer.decode(tokenIds), tokenIds };
  };
}

/** A contestant whose engine lives in the page. */
interface BrowserContestant extends Contestant {
  readonly engine: JSHandle<BrowserEngine>;
}

async function openContestants(page: Page, options: BenchOptions): Promise<BrowserContestant[]> {
  const contestants: BrowserContestant[] = [];
  for (const threads of availableParallelism() > 1 ? [1, 2] : [1]) {
    for (const isOurs of [true, false]) {
      const engine = await page.evaluateHandle(
        (settings) => {
          const { benchPage } = globalThis;
          const open = settings.isOurs ? benchPage.openOurs : benchPage.openPeer;
          return open(settings.threads, settings.contextSize);
        },
        { isOurs, threads, contextSize },
      );
      contestants.push({ isOurs, threads, engine });
      options.log(`${isOurs ? "ours" : peerName} is open on ${threads} threads`);
    }
  }
  return contestants;
}

async function compareAll(
  contestants: readonly BrowserContestant[],
  promptOf: (length: number) => BrowserPrompt,
  options: BenchOptions,
): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  const add = async (
    name: string,
    tokens: number,
    run: (contestant: BrowserContestant) => Promise<number>,
  ) => {
    if (options.only !== undefined && !name.includes(options.only)) return;
    const what = { suite: "browser-decode", name, tokens, peerName, run };
    rows.push(...(await compareContestants(contestants, what, options)));
  };
  for (const length of promptLengths) {
    const prompt = promptOf(length);
    await add(`Q4_1 prompt of ${length}`, length, ({ engine }) =>
      engine.evaluate((one, given) => one.readPrompt(given), prompt),
    );
  }
  const given = { prompt: promptOf(context), steps };
  await add(`Q4_1 decode after ${context}`, steps, ({ engine }) =>
    engine.evaluate((one, { prompt, steps }) => one.decode(prompt, steps), given),
  );
  return rows;
}
