import type { Browser, BrowserContextOptions, Locator, Page } from "playwright";
import { expect, inject } from "vitest";

/** An open page, and what went wrong in it. */
export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** Errors and warnings of the console, exceptions, requests to elsewhere. */
  readonly problems: readonly string[];
}

/** Opens the page by itself, in a context without memory. */
export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
  url: string = inject("serverUrl"),
): Promise<OpenPage> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const problems: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${url}/`)) problems.push(`request to ${request.url()}`);
  });
  await page.goto(url);
  await page.getByText("Live", { exact: true }).waitFor();
  return { page, problems, [Symbol.asyncDispose]: () => context.close() };
}

/** One conversation of the page. */
export class Column {
  readonly page: Page;
  readonly letter: string;
  readonly root: Locator;

  constructor(page: Page, letter: string) {
    this.page = page;
    this.letter = letter;
    this.root = page.getByRole("region", { name: `Conversation ${letter}`, exact: true });
  }

  get field(): Locator {
    return this.page.getByLabel(`Message to ${this.letter}`);
  }

  /** The newest answer. */
  get answer(): Locator {
    return this.root.locator(".answer").last();
  }

  get streamingAnswer(): Locator {
    return this.root.locator('.answer[data-streaming="true"]');
  }

  /** Sets what is given, in the settings panel. */
  async set(settings: {
    readonly systemPrompt?: string;
    readonly temperature?: number;
    readonly maxTokens?: number;
    readonly seed?: number;
  }): Promise<void> {
    const toggle = this.page.getByLabel(`Settings of ${this.letter}`);
    await toggle.click();
    const { systemPrompt, temperature, maxTokens, seed } = settings;
    const fields = [
      ["System prompt", systemPrompt],
      ["Temperature", temperature],
      ["Max tokens", maxTokens],
      ["Seed", seed],
    ] as const;
    for (const [label, value] of fields) {
      if (value !== undefined) await this.root.getByLabel(label).fill(String(value));
    }
    await toggle.click();
  }

  async send(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press("Enter");
  }

  /** The text of the newest answer once it is whole. */
  async completeAnswer(): Promise<string> {
    await this.page.waitForFunction(
      (root) => {
        const turn = root?.querySelector(".turn:last-child");
        return turn?.querySelector(".answer-notes") != null;
      },
      await this.root.elementHandle(),
    );
    return (await this.answer.textContent()) ?? "";
  }
}

/** Number of blocks of a kind, as the legend says. */
export async function countBlocks(
  page: Page,
  kind: "used" | "shared" | "cached" | "free",
): Promise<number> {
  const text = await page.locator(`.legend li[data-kind="${kind}"] .count`).textContent();
  return Number(text?.replaceAll(",", ""));
}

/** What the server answers without a stream. */
export async function ask(body: object): Promise<string> {
  const response = await fetch(`${inject("serverUrl")}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
  return choices[0]!.message.content;
}

/** Waits until the server has nothing to do, and the page shows it. */
export async function waitForIdle(page: Page): Promise<void> {
  await expect
    .poll(async () => (await countBlocks(page, "used")) + (await countBlocks(page, "shared")))
    .toBe(0);
}
