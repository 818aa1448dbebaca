import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { scalar } from "@x/models";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { tinyLlama } from "../../../../packages/models/test/support/tiny-llama";
import { cliPath, runCli } from "../run-cli";

let folder: string;
let modelPath: string;
let child: ChildProcess | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "x-serve-"));
  modelPath = join(folder, "tiny.gguf");
  const metadata = { "llama.context_length": scalar("uint32", 4096) };
  await writeFile(modelPath, tinyLlama({ metadata }));
});
afterEach(() => {
  child?.kill("SIGKILL");
  child = undefined;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Starts the built program and waits for the address that it prints. */
async function serve(...options: string[]) {
  const parameters = ["serve", "--model", modelPath, "--port", "0", "--threads", "1", ...options];
  const running = spawn(process.execPath, [cliPath, ...parameters], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  child = running;
  let stderr = "";
  running.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const ended = once(running, "exit").then(() => Promise.reject(new Error(stderr)));
  const [url] = (await Promise.race([once(createInterface(running.stdout), "line"), ended])) as [
    string,
  ];
  ended.catch(() => {});
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const complete = (body: object) =>
    fetch(`${url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  return { url, complete, running, stderr: () => stderr };
}

const long = { prompt: "abc", max_tokens: 1500, ignore_eos: true, stream: true };

describe.runIf(process.platform !== "win32")("serve", () => {
  it("serves on this machine alone, and finishes what runs when asked to end", async () => {
    const { url, complete, running, stderr } = await serve("--served-model-name", "tiny", "small");
    const models = await (await fetch(`${url}/v1/models`)).json();
    expect(models.data.map(({ id }: { id: string }) => id)).toEqual(["tiny", "small"]);
    const response = await complete({ ...long, model: "small" });
    running.kill("SIGTERM");
    expect(await response.text()).toMatch(/"finish_reason":"length".*\n\ndata: \[DONE\]\n\n$/);
    const [exitCode] = await once(running, "exit");
    expect(exitCode).toBe(0);
    expect(stderr()).toContain("tiny on wasm: up to 4096 tokens a request");
    expect(stderr()).toContain("finishing what runs");
    expect(stderr()).not.toContain("ending what still runs");
  });

  it("ends what runs longer than the grace period", async () => {
    const { complete, running, stderr } = await serve("--grace", "0.1");
    const response = await complete(long);
    running.kill("SIGINT");
    expect(await response.text()).toMatch(/"finish_reason":"abort".*\n\ndata: \[DONE\]\n\n$/);
    const [exitCode] = await once(running, "exit");
    expect(exitCode).toBe(0);
    expect(stderr()).toContain("ending what still runs");
  });

  it("ends at once at the second signal", async () => {
    const { complete, running } = await serve();
    const response = await complete(long);
    running.kill("SIGINT");
    setTimeout(() => running.kill("SIGINT"), 400);
    await expect(response.text()).rejects.toThrow();
    const [exitCode] = await once(running, "exit");
    expect(exitCode).toBe(130);
  });
});

describe("serve refuses", () => {
  it.each([
    [["--port", "70000"], "an integer from 0 to 65535"],
    [["--max-concurrency", "0"], "an integer of 1 or more"],
    [["--policy", "lifo"], "Allowed choices are fcfs, priority"],
  ])("%j", async (options, expected) => {
    const { exitCode, stdout, stderr } = await runCli(["serve", ...options]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain(expected);
  });

  it("a port that is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    try {
      const parameters = ["serve", "--model", modelPath, "--port", String(port)];
      const { exitCode, stderr } = await runCli(parameters);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(
        /^error: port \d+ of 127\.0\.0\.1 is in use; choose another with --port/m,
      );
    } finally {
      other.close();
    }
  });

  it("a cache that holds nothing", async () => {
    const parameters = ["serve", "--model", modelPath, "--port", "0", "--block-size", "100000000"];
    const { exitCode, stderr } = await runCli(parameters);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
  });
});
