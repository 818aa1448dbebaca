import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchChromium } from "../../scripts/launch-chromium.mjs";
import { Column, openPage, waitForIdle } from "./open-page";

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** The name of what has the focus, and whether the focus can be seen. */
function focused(page: Page): Promise<{ readonly name: string; readonly isVisible: boolean }> {
  return page.evaluate(() => {
    const element = document.activeElement as HTMLElement;
    // The composer shows the focus of its field.
    const shown = element.closest(".composer textarea")?.closest(".composer") ?? element;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(shown);
    const hasOutline = outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2;
    return {
      name:
        element.getAttribute("aria-label") ??
        (element as HTMLInputElement).labels?.[0]?.textContent ??
        element.textContent.trim(),
      isVisible: hasOutline || boxShadow !== "none",
    };
  });
}

/** Presses Tab until something of that name has the focus. */
async function tabTo(page: Page, name: string, key = "Tab"): Promise<void> {
  const seen: string[] = [];
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press(key);
    const now = await focused(page);
    expect(now, now.name).toMatchObject({ isVisible: true });
    if (now.name === name) return;
    seen.push(now.name);
  }
  throw new Error(`${key} never came to ${name}, but to ${seen.join(", ")}`);
}

it("can be used by the keyboard alone", async () => {
  await using open = await openPage(browser);
  const { page, problems } = open;
  const [first, second] = [new Column(page, "A"), new Column(page, "B")];
  await expect.poll(() => focused(page)).toEqual({ name: "Message to A", isVisible: true });

  // Settings, by Shift+Tab, and back.
  await tabTo(page, "Settings of A", "Shift+Tab");
  await page.keyboard.press("Enter");
  await tabTo(page, "System prompt");
  await page.keyboard.type("Be brief.");
  await page.keyboard.press("Tab");
  expect(await focused(page)).toEqual({
    name: expect.stringMatching(/^Temperature/),
    isVisible: true,
  });
  await page.keyboard.press("Home");
  await page.keyboard.press("Escape");
  expect(await first.root.getByLabel("System prompt").isVisible()).toBe(false);
  expect(await first.root.locator(".settings-summary").textContent()).toBe(
    "greedy, 256 tokens, system prompt",
  );

  await tabTo(page, "Message to A");
  await page.keyboard.type("Tell me");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("a story.");
  await page.keyboard.press("Enter");
  await first.streamingAnswer.waitFor();
  expect(await first.root.locator(".question").textContent()).toBe("Tell me\na story.");
  await page.keyboard.press("Escape");
  await first.root.getByText("stopped", { exact: true }).waitFor();
  expect((await focused(page)).name).toBe("Message to A");

  await tabTo(page, "Add a conversation", "Shift+Tab");
  await page.keyboard.press("Enter");
  await expect.poll(async () => (await focused(page)).name).toBe("Message to B");
  await page.keyboard.type("And another.");
  await page.keyboard.press("Control+Enter");
  await expect
    .poll(() => page.locator(".question").allTextContents())
    .toEqual(["Tell me\na story.", "And another.", "And another."]);
  await second.streamingAnswer.waitFor();
  await tabTo(page, "Blocks, one by one");
  await page.keyboard.press("End");
  expect(await page.getByRole("tooltip").textContent()).toMatch(/^Block \d+: /);

  // Closing a column stops its answer and goes to its neighbour.
  await tabTo(page, "Close B", "Shift+Tab");
  await page.keyboard.press("Enter");
  await expect.poll(async () => (await focused(page)).name).toBe("Message to A");
  await page.keyboard.press("Escape");
  await waitForIdle(page);
  expect(problems).toEqual([]);
});

it("leads past the conversations to the scheduler", async () => {
  await using open = await openPage(browser);
  const { page } = open;
  await tabTo(page, "Skip to the scheduler", "Shift+Tab");
  await page.keyboard.press("Enter");
  await tabTo(page, "Blocks, one by one");
});
