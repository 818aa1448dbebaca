import type { Browser } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium } from "../../scripts/launch-chromium.mjs";
import { ask, Column, openPage, waitForIdle } from "./open-page";

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

describe("a conversation", () => {
  it("streams the answer that the server gives", async () => {
    await using open = await openPage(browser);
    const { page, problems } = open;
    const column = new Column(page, "A");
    await column.set({ temperature: 0, maxTokens: 16, systemPrompt: "Answer in one sentence." });
    await column.send("Why is the sky blue?");
    const first = await page.waitForFunction(() => {
      const answer = document.querySelector('.answer[data-streaming="true"]');
      const spoken = document.querySelector('[aria-live="polite"]');
      return answer && { text: answer.textContent, spoken: spoken?.textContent };
    });
    const early = await first.jsonValue();
    const whole = await column.completeAnswer();
    expect(early?.text.length).toBeGreaterThan(0);
    expect(early?.text.length).toBeLessThan(whole.length);
    expect(whole.startsWith(early?.text ?? "?")).toBe(true);
    // A screen reader says it once, when it is whole.
    expect(early?.spoken).toBe("A answers.");
    const spoken = column.root.locator('[aria-live="polite"]');
    expect(await spoken.textContent()).toBe(`A: ${whole}`);
    const messages = [
      { role: "system", content: "Answer in one sentence." },
      { role: "user", content: "Why is the sky blue?" },
    ];
    expect(whole).toBe(await ask({ messages, temperature: 0, max_tokens: 16 }));
    await expect
      .poll(() => column.root.locator(".answer-notes").textContent())
      .toMatch(/^\d+ tokens?first after [\d.]+ m?s[\d,.]+ per second/);

    // The next turn is asked with all that was said.
    await column.send("Why is it red in the evening?");
    const next = await column.completeAnswer();
    const later = [
      ...messages,
      { role: "assistant", content: whole },
      { role: "user", content: "Why is it red in the evening?" },
    ];
    expect(next).toBe(await ask({ messages: later, temperature: 0, max_tokens: 16 }));
    await page.getByLabel("Begin A anew").click();
    expect(await column.root.locator(".turn").count()).toBe(0);
    expect(problems).toEqual([]);
  });

  it("stops, keeps what came, frees the blocks and asks again", async () => {
    await using open = await openPage(browser);
    const { page, problems } = open;
    const column = new Column(page, "A");
    await column.set({ maxTokens: 400, temperature: 0 });
    await column.send("Tell a long story of a river.");
    await column.streamingAnswer.waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await column.root.getByText("stopped", { exact: true }).waitFor();
    const kept = await column.completeAnswer();
    expect(kept.length).toBeGreaterThan(0);
    await waitForIdle(page);
    expect(await column.answer.textContent()).toBe(kept);
    await page.getByRole("button", { name: "Ask again" }).click();
    await column.streamingAnswer.waitFor();
    expect(await column.root.locator(".turn").count()).toBe(1);
    await column.field.press("Escape");
    await waitForIdle(page);
    expect(problems).toEqual([]);
  });

  it("shows text as it is and never as markup", async () => {
    await using open = await openPage(browser);
    const { page, problems } = open;
    const column = new Column(page, "A");
    await column.set({ maxTokens: 1 });
    const text = '<img src="/x" onerror="document.title = 1">\n  two  spaces <b>bold</b>';
    await column.send(text);
    await column.completeAnswer();
    const question = column.root.locator(".question");
    expect(await question.textContent()).toBe(text);
    expect(await question.evaluate((element) => element.childElementCount)).toBe(0);
    expect(await question.evaluate((element) => getComputedStyle(element).whiteSpace)).toBe(
      "pre-wrap",
    );
    // The browser itself refuses to make markup of text here.
    const refusal = page.evaluate(() => {
      document.createElement("div").innerHTML = "<b></b>";
    });
    await expect(refusal).rejects.toThrow(/TrustedHTML/);
    expect(problems.filter((problem) => !problem.includes("TrustedHTML"))).toEqual([]);
  });
});

describe("conversations side by side", () => {
  it("run at once, each with its own settings", async () => {
    await using open = await openPage(browser);
    const { page, problems } = open;
    const [first, second] = [new Column(page, "A"), new Column(page, "B")];
    await first.set({ temperature: 0, maxTokens: 24, systemPrompt: "You are a pirate." });
    await page.getByRole("button", { name: "Add a conversation" }).click();
    await second.set({ temperature: 1, seed: 7, systemPrompt: "You are a scientist." });
    await second.field.fill("What do you think of the sea?");
    await second.root.getByRole("button", { name: "Send to all" }).click();
    await page.waitForFunction(
      () => document.querySelectorAll('.answer[data-streaming="true"]').length === 2,
    );
    const question = { role: "user", content: "What do you think of the sea?" };
    expect(await first.completeAnswer()).toBe(
      await ask({
        messages: [{ role: "system", content: "You are a pirate." }, question],
        temperature: 0,
        max_tokens: 24,
      }),
    );
    expect(await second.completeAnswer()).toBe(
      await ask({
        messages: [{ role: "system", content: "You are a scientist." }, question],
        temperature: 1,
        seed: 7,
        max_tokens: 24,
      }),
    );
    // A closed column's letter and colour go to the next.
    await page.getByLabel("Close A").click();
    expect(await first.root.count()).toBe(0);
    await page.getByRole("button", { name: "Add a conversation" }).click();
    expect(await first.root.count()).toBe(1);
    expect(problems).toEqual([]);
  });
});
