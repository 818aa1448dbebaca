import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium } from "../../scripts/launch-chromium.mjs";
import { Column, countBlocks, openPage, waitForIdle } from "./open-page";

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** Some 150 tokens. */
const longSystemPrompt = "You are a patient teacher who explains with examples. ".repeat(15);

/**
 * The colours that the grid, or the block that is chosen in it, is painted with, each as red, green
 * and blue.
 */
function gridColors(page: Page, part: "all" | "chosen" = "all"): Promise<string[]> {
  return page.locator(".block-grid canvas").evaluate((element, wanted) => {
    const canvas = element as HTMLCanvasElement;
    // Read from a copy: reading the canvas itself would change how it is kept.
    const { width, height } = canvas;
    const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
    copy.drawImage(canvas, 0, 0);
    const mark = document.querySelector<HTMLElement>(".block-mark");
    const { offsetLeft = 0, offsetTop = 0, offsetWidth = 0, offsetHeight = 0 } = mark ?? {};
    const { data } =
      wanted === "all"
        ? copy.getImageData(0, 0, width, height)
        : copy.getImageData(offsetLeft, offsetTop, offsetWidth, offsetHeight);
    const colors = new Map<string, number>();
    for (let offset = 0; offset < data.length; offset += 4) {
      const color = data.subarray(offset, offset + 3).join();
      if (data[offset + 3] === 255) colors.set(color, (colors.get(color) ?? 0) + 1);
    }
    return [...colors].filter(([, count]) => count >= 20).map(([color]) => color);
  }, part);
}

/** A colour of the style sheet as red, green and blue. */
function cssColor(page: Page, name: string): Promise<string> {
  return page.evaluate((property) => {
    const value = getComputedStyle(document.documentElement).getPropertyValue(property);
    return /\d+, \d+, \d+/.exec(value)![0].replaceAll(" ", "");
  }, name);
}

/** A point of a block that is painted in both colours: one lies close to the other, with no gap. */
function findStripes(page: Page, first: string, second: string): Promise<{ x: number; y: number }> {
  return page.locator(".block-grid canvas").evaluate(
    (element, colors) => {
      const canvas = element as HTMLCanvasElement;
      const { width, height } = canvas;
      const copy = new OffscreenCanvas(width, height).getContext("2d")!;
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, width, height);
      for (let pixel = 0; pixel < width * height; pixel++) {
        const seen = new Set<string>();
        for (let offset = 4 * pixel; offset < 4 * (pixel + 8); offset += 4) {
          if (data[offset + 3] !== 255) break;
          seen.add(data.subarray(offset, offset + 3).join());
        }
        if (colors.every((color) => seen.has(color))) {
          // Not the very edge, which rounding may put outside.
          return { x: (pixel % width) + 2, y: Math.floor(pixel / width) + 2 };
        }
      }
      throw new Error("no block has both colours");
    },
    [first, second],
  );
}

describe("the view of the scheduler", () => {
  it("shows how two conversations fill and share blocks", async () => {
    await using open = await openPage(browser);
    const { page, problems } = open;
    const [first, second] = [new Column(page, "A"), new Column(page, "B")];
    await waitForIdle(page);
    const [ownerA, ownerB] = [await cssColor(page, "--owner-0"), await cssColor(page, "--owner-1")];
    expect(await gridColors(page)).not.toContain(ownerA);
    const total = (await countBlocks(page, "free")) + (await countBlocks(page, "cached"));
    expect(total).toBeGreaterThan(300);

    await first.set({ systemPrompt: longSystemPrompt, maxTokens: 200, temperature: 0 });
    await first.send("What is a prime number?");
    await first.streamingAnswer.waitFor();
    await expect.poll(() => countBlocks(page, "used")).toBeGreaterThan(8);
    expect(await countBlocks(page, "shared")).toBe(0);
    await expect.poll(() => gridColors(page)).toContain(ownerA);
    expect(await gridColors(page)).not.toContain(ownerB);

    // The second begins with the same system prompt.
    await page.getByRole("button", { name: "Add a conversation" }).click();
    await second.send("What is a fraction?");
    await expect.poll(() => countBlocks(page, "shared")).toBeGreaterThan(8);
    await expect.poll(() => gridColors(page)).toEqual(expect.arrayContaining([ownerA, ownerB]));
    const grid = page.getByRole("slider", { name: "Blocks, one by one" });
    const position = await findStripes(page, ownerA, ownerB);
    await grid.hover({ position });
    const sharing = /^Block \d+: shared by A and B, 16 of 16 slots, 2 references$/;
    await expect.poll(() => page.getByRole("tooltip").textContent()).toMatch(sharing);
    // Chosen by a click, it is told to a screen reader too.
    await grid.click({ position });
    await expect.poll(() => grid.getAttribute("aria-valuetext")).toMatch(sharing);
    expect((await gridColors(page, "chosen")).sort()).toEqual([ownerA, ownerB].sort());

    const batch = page.locator(".requests").first().locator(".request");
    await expect
      .poll(() => batch.allTextContents())
      .toEqual([
        expect.stringMatching(/^Adecode\d+ \/ \d+ tokens\d+ blocks$/),
        expect.stringMatching(/^Bdecode\d+ \/ \d+ tokens\d+ blocks$/),
      ]);
    const figure = (name: string) =>
      page
        .locator(".figures dt", { hasText: new RegExp(`^${name}$`) })
        .locator("+ dd")
        .textContent();
    await expect.poll(() => figure("Prefix cache hits")).toMatch(/^[1-9]\d* %$/);
    await expect.poll(() => figure("Cache in use")).toMatch(/^[1-9]\d* %$/);
    await expect.poll(() => figure("Time to first token")).toMatch(/^[\d.]+ m?s$/);
    await expect.poll(async () => Number(await figure("Tokens per second"))).toBeGreaterThan(0);

    await first.field.press("Escape");
    await second.field.press("Escape");
    await waitForIdle(page);
    expect(await countBlocks(page, "cached")).toBeGreaterThan(8);
    expect((await countBlocks(page, "free")) + (await countBlocks(page, "cached"))).toBe(total);
    await expect.poll(() => gridColors(page)).toContain(await cssColor(page, "--block-cached"));
    expect(await gridColors(page)).not.toContain(ownerA);
    expect(problems).toEqual([]);
  });

  it("shows the prompt being computed, and who waits", async () => {
    await using open = await openPage(browser);
    const { page, problems } = open;
    await new Column(page, "A").set({ temperature: 0, maxTokens: 400 });
    for (const letter of ["B", "C"]) {
      await page.getByRole("button", { name: "Add a conversation" }).click();
      await new Column(page, letter).field.waitFor();
    }
    const columns = ["A", "B", "C"].map((letter) => new Column(page, letter));
    // Several steps long and of no other test, so that nothing of it is cached.
    await columns[0]!.set({ systemPrompt: "Count the words of this. ".repeat(60) });
    await columns[0]!.send("Tell me a long story of a river.");
    await page.locator('.request-phase[data-phase="prefill"]').waitFor();
    await columns[0]!.root.getByText(/^Reading the prompt, [\d,]+ of [\d,]+ tokens$/).waitFor();
    await columns[1]!.send("Tell me a long story of a river.");
    await columns[2]!.send("Tell me a long story of a river.");
    await columns[2]!.root.getByText("Waiting for its turn").waitFor();
    const waiting = page.locator(".requests").last().locator(".request");
    await expect
      .poll(() => waiting.allTextContents())
      .toEqual([expect.stringMatching(/^Cwaiting0 \/ \d+ tokens0 blocks$/)]);
    // Its turn comes when another ends.
    await columns[0]!.field.press("Escape");
    await columns[2]!.streamingAnswer.waitFor();
    for (const column of columns) await column.field.press("Escape");
    await waitForIdle(page);
    expect(problems).toEqual([]);
  });

  it("shows requests of other clients, and rests while nobody sees it", async () => {
    await using open = await openPage(browser);
    const { page, problems } = open;
    const stranger = new AbortController();
    const request = page
      .evaluate(() => location.origin)
      .then((origin) =>
        fetch(`${origin}/v1/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ prompt: "One, two,", max_tokens: 400, ignore_eos: true }),
          signal: stranger.signal,
        }),
      );
    const label = page.locator(".request-label");
    await expect.poll(() => label.allTextContents()).toEqual([expect.stringMatching(/^#\d+$/)]);

    const pretend = (hidden: boolean) =>
      page.evaluate((value) => {
        Object.defineProperty(document, "hidden", { value, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, hidden);
    await pretend(true);
    await page.getByText("Paused", { exact: true }).waitFor();
    stranger.abort();
    await expect(request).rejects.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await label.count()).toBe(1);
    await pretend(false);
    await page.getByText("Live", { exact: true }).waitFor();
    await expect.poll(() => label.count()).toBe(0);
    expect(problems).toEqual([]);
  });
});
