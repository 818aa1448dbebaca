import type { Browser } from "playwright";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchChromium } from "../../scripts/launch-chromium.mjs";
import { startServer } from "../../scripts/start-server.mjs";
import { Column } from "./open-page";

const parameters = ["--max-concurrency", "1", "--max-queue", "0", "--api-key", "open sesame"];

let browser: Browser;
let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  [browser, server] = await Promise.all([launchChromium(), startServer(parameters)]);
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});

it("says what went wrong, and tries again", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(server.url);
  const [first, second] = [new Column(page, "A"), new Column(page, "B")];

  // No key, a wrong one, the right one.
  const dialog = page.getByRole("dialog", { name: "This server asks for a key" });
  await dialog.getByRole("button", { name: "Not now" }).click();
  await page.getByText("Needs a key").waitFor();
  await first.send("Hello");
  await first.root.getByText("The server asks for a key.").waitFor();
  await dialog.getByLabel("Key").fill("wrong");
  await dialog.getByLabel("Key").press("Enter");
  await dialog.getByLabel("Key").fill("open sesame");
  await dialog.getByLabel("Key").press("Enter");
  await page.getByText("Live", { exact: true }).waitFor();
  await first.set({ maxTokens: 4, temperature: 0 });
  await first.root.getByRole("button", { name: "Try again" }).click();
  expect(await first.completeAnswer()).not.toBe("");
  expect(await first.root.locator(".turn").count()).toBe(1);

  // A request that cannot be met names the limit; with other settings it can.
  await page.getByLabel("Begin A anew").click();
  await first.set({ maxTokens: 1_000_000 });
  await first.send("Tell me a long story of a river.");
  await first.root
    .getByText(/The server refused this request\. The maximum context length is \d+/)
    .waitFor();
  await first.set({ maxTokens: 400 });
  await first.root.getByRole("button", { name: "Try again" }).click();
  await first.streamingAnswer.waitFor();

  // One runs, none may wait.
  await page.getByRole("button", { name: "Add a conversation" }).click();
  await second.send("Hello");
  const full = second.root.getByRole("alert");
  expect(await full.textContent()).toMatch(
    /^The server is full\. Try again in about (a second|\d+ seconds)\. 1 requests run and 0 wait/,
  );
  await first.field.press("Escape");
  await second.set({ maxTokens: 4 });
  await second.root.getByRole("button", { name: "Try again" }).click();
  expect(await second.completeAnswer()).not.toBe("");

  // The server dies in the middle of an answer and comes back.
  await page.getByLabel("Begin A anew").click();
  await first.send("Tell me a long story of a river.");
  await first.streamingAnswer.waitFor();
  const port = Number(new URL(server.url).port);
  await server.stop("SIGKILL");
  await first.root.getByText("The connection was lost.").waitFor();
  await page.getByText("Connection lost, trying again").waitFor();
  await second.send("Hello");
  await second.root.getByText("The server cannot be reached.").waitFor();
  server = await startServer(parameters, { port });
  await page.getByText("Live", { exact: true }).waitFor();
  await second.root.getByRole("button", { name: "Try again" }).click();
  expect(await second.completeAnswer()).not.toBe("");
  await context.close();
});
