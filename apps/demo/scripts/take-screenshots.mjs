// Takes the pictures of `docs/guide/web-page.md`: the built page, the real model, no touching up.
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { launchChromium } from "./launch-chromium.mjs";
import { startServer } from "./start-server.mjs";

const folder = fileURLToPath(new URL("../../../docs/guide/images/", import.meta.url));
const systemPrompt =
  "You are a patient teacher. Explain in plain words, with one example from daily life, and " +
  "never use a word that a child would not know. Begin with the answer itself, then say why it " +
  "is so. Where there is more than one reason, give the most important one first, and say that " +
  "there are others. Keep to what is known for certain, and say so where it is not.";
const wide = { viewport: { width: 1360, height: 940 } };
const pictures = [
  { name: "web-page-light", context: wide },
  { name: "web-page-dark", context: { ...wide, colorScheme: /** @type {const} */ ("dark") } },
  {
    name: "web-page-phone",
    context: {
      viewport: { width: 390, height: 844 },
      deviceScaleFactor: 1.5,
      isMobile: true,
      hasTouch: true,
    },
  },
];

await mkdir(folder, { recursive: true });
const server = await startServer([], { port: 8000 });
const browser = await launchChromium();
try {
  for (const { name, context } of pictures) {
    const page = await (await browser.newContext(context)).newPage();
    await page.goto(server.url);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByLabel("Settings of A").click();
    await page.getByLabel("System prompt").fill(systemPrompt);
    await page.getByLabel("Max tokens").fill("320");
    await page.getByLabel("Seed").fill("1");
    await page.getByLabel("Settings of A").click();
    await page.getByLabel("Message to A").fill("How is a rainbow made? Explain in five steps.");
    await page.getByLabel("Message to A").press("Enter");
    await page.locator(".answer").first().waitFor();
    await page.getByRole("button", { name: "Add a conversation" }).click();
    await page.getByLabel("Message to B").fill("Why do we sleep? Give five reasons.");
    await page.getByLabel("Message to B").press("Enter");
    await page.waitForFunction(() => {
      const answers = [...document.querySelectorAll('.answer[data-streaming="true"]')];
      return answers.length === 2 && answers.every(({ textContent }) => textContent.length > 150);
    });
    await page.mouse.move(0, 0);
    await page.screenshot({ path: `${folder}${name}.png`, fullPage: context.viewport.width < 500 });
    await page.context().close();
  }
} finally {
  await browser.close();
  await server.stop();
}
