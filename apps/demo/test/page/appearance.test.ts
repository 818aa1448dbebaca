import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium } from "../../scripts/launch-chromium.mjs";
import { Column, openPage, waitForIdle } from "./open-page";

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** Brightness of the page's ground, 0 to 255. */
function brightness(page: Page): Promise<number> {
  return page.evaluate(() =>
    Number(/\d+/.exec(getComputedStyle(document.body).backgroundColor)?.[0]),
  );
}

async function violations(page: Page): Promise<string[]> {
  const { violations: found } = await new AxeBuilder({ page }).analyze();
  return found.map(({ impact, id, nodes }) => `${impact}: ${id} at ${nodes[0]?.html}`);
}

describe("light and dark", () => {
  it("follow the system until the reader chooses, and the choice is kept", async () => {
    await using open = await openPage(browser, { colorScheme: "dark" });
    const { page, problems } = open;
    expect(await brightness(page)).toBeLessThan(64);
    await page.emulateMedia({ colorScheme: "light" });
    await expect.poll(() => brightness(page)).toBeGreaterThan(192);
    await page.getByRole("button", { name: "Dark", exact: true }).click();
    await expect.poll(() => brightness(page)).toBeLessThan(64);
    await page.reload();
    await expect.poll(() => brightness(page)).toBeLessThan(64);
    expect(problems).toEqual([]);
  });

  it.each(["light", "dark"] as const)(
    "have nothing that axe objects to: %s",
    async (colorScheme) => {
      await using open = await openPage(browser, { colorScheme });
      const { page } = open;
      const column = new Column(page, "A");
      await page.getByRole("button", { name: "Add a conversation" }).click();
      await column.set({ maxTokens: 12 });
      await column.send("Hello");
      await column.completeAnswer();
      await column.set({ maxTokens: 1_000_000 });
      await column.send("Hello");
      await page.getByRole("alert").waitFor();
      await page.getByLabel("Settings of A").click();
      await page.getByRole("slider", { name: "Blocks, one by one" }).focus();
      expect(await violations(page)).toEqual([]);
    },
  );
});

describe("on a phone", () => {
  it("nothing is wider than the screen, and columns are a swipe apart", async () => {
    await using open = await openPage(browser, phone);
    const { page, problems } = open;
    // A phone's window grows with what is too wide, so `innerWidth` would tell nothing.
    const overflow = () =>
      page.evaluate((width) => document.documentElement.scrollWidth - width, phone.viewport.width);
    const [first, second] = [new Column(page, "A"), new Column(page, "B")];
    expect(await overflow()).toBe(0);
    await first.set({ temperature: 0, maxTokens: 120, systemPrompt: "x".repeat(300) });
    await page.getByLabel("Settings of A").click();
    expect(await overflow()).toBe(0);
    await page.getByLabel("Settings of A").click();
    await page.getByRole("button", { name: "Add a conversation" }).click();
    const left = (column: Column) =>
      column.root.evaluate((root) => root.getBoundingClientRect().left);
    await expect.poll(() => left(second)).toBe(0);
    await page.getByRole("button", { name: "Conversation A" }).click();
    await expect.poll(() => left(first)).toBe(0);
    expect(
      await page.getByRole("button", { name: "Conversation A" }).getAttribute("aria-current"),
    ).toBe("true");
    await first.send(`Repeat: ${"long".repeat(80)}`);
    await first.streamingAnswer.waitFor();
    expect(await overflow()).toBe(0);
    expect(await violations(page)).toEqual([]);

    // The scheduler comes below.
    const box = (selector: string) => page.locator(selector).boundingBox();
    const [chat, scheduler] = [await box(".conversations"), await box(".scheduler")];
    expect(scheduler!.y).toBeGreaterThanOrEqual(chat!.y + chat!.height);
    await page.getByRole("slider", { name: "Blocks, one by one" }).scrollIntoViewIfNeeded();
    await page
      .getByRole("slider", { name: "Blocks, one by one" })
      .tap({ position: { x: 320, y: 5 } });
    expect(await page.getByRole("tooltip").isVisible()).toBe(true);
    expect(await overflow()).toBe(0);
    await first.field.press("Escape");
    await waitForIdle(page);
    expect(problems).toEqual([]);
  });

  it("nothing moves for those who want it so", async () => {
    await using open = await openPage(browser, { ...phone, reducedMotion: "reduce" });
    const { page } = open;
    const column = new Column(page, "A");
    await column.set({ temperature: 0, maxTokens: 60 });
    await column.send("Tell a story.");
    await column.streamingAnswer.waitFor();
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
    expect(
      await page
        .locator(".columns")
        .evaluate((element) => getComputedStyle(element).scrollBehavior),
    ).toBe("auto");
    await column.field.press("Escape");
    await waitForIdle(page);
  });
});
