import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LanguageModel } from "@x/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tinyLlama } from "../../../../packages/models/test/support/tiny-llama";
import { runCli } from "../run-cli";
import { openTinyModel } from "./support/models";
import { readMetrics, total } from "./support/read-metrics";
import { startServer, type TestServer } from "./support/test-server";

let folder: string;
let model: LanguageModel;
let server: TestServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "x-bench-"));
  model = await openTinyModel();
  server = await startServer({ model }, { modelNames: ["tiny"], apiKey: "secret" });
});
afterAll(async () => {
  await server?.close();
  model?.dispose();
  await rm(folder, { recursive: true, force: true });
});

const bench = (...parameters: string[]) => runCli(["bench", ...parameters]);
const address = () => ["--base-url", `${server.url}/v1`, "--api-key", "secret"];

describe("bench serve", () => {
  it("reports what the server counts too", async () => {
    const file = join(folder, "serve.json");
    const load = ["--num-prompts", "12", "--input-len", "8", "--output-len", "5", "--ignore-eos"];
    const rate = ["--request-rate", "40", "--burstiness", "0.5", "--max-concurrency", "3"];
    const goals = ["--goodput", "ttft:100000", "e2el:100000", "--percentiles", "50,90"];
    const { exitCode, stdout, stderr } = await bench(
      ...["serve", ...address(), ...load, ...rate, ...goals, "--json", file],
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/^requests completed +12$/m);
    expect(stdout).toMatch(/^output tokens +60$/m);
    expect(stdout).toMatch(/^\(ms\) +mean +median +std +p50 +p90$/m);
    const report = JSON.parse(await readFile(file, "utf8"));
    expect(report).toMatchObject({ model: "tiny", completed: 12, failed: 0, outputTokens: 60 });
    expect(report.goodput).toBe(report.requestsPerSecond);
    expect(report.peakConcurrency).toBeLessThanOrEqual(3);
    expect(report.latencies.ttft.mean).toBeGreaterThan(0);
    expect(report.latencies.e2el.mean).toBeGreaterThanOrEqual(report.latencies.ttft.mean);
    const metrics = await readMetrics(server.url);
    expect(total(metrics, "vllm:generation_tokens_total")).toBe(60);
    expect(total(metrics, "vllm:prompt_tokens_total")).toBe(report.promptTokens);
  });

  it("takes its prompts from a file, and reports failures", async () => {
    const dataset = join(folder, "prompts.jsonl");
    const long = { prompt: "too long ".repeat(200) };
    const lines = [{ prompt: "abc", max_tokens: 2 }, long, { prompt: "def" }];
    await writeFile(dataset, lines.map((line) => JSON.stringify(line)).join("\n"));
    const load = ["--dataset", dataset, "--output-len", "3", "--ignore-eos"];
    const { exitCode, stdout } = await bench("serve", ...address(), ...load);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^requests completed +2$/m);
    expect(stdout).toMatch(/^output tokens +5$/m);
    expect(stdout).toMatch(/^failed: .*400: .*context length/m);
  });

  it.each([
    [["--goodput", "speed:3"], "Use ttft, tpot, itl, e2el with milliseconds"],
    [["--percentiles", "0"], "Use numbers above 0"],
    [["--request-rate", "0"], "a number above 0"],
    [["--base-url", "http://127.0.0.1:1/v1"], "cannot be reached"],
    [["--base-url", "nowhere", "--model", "m"], "baseUrl"],
  ])("refuses %j", async (options, expected) => {
    const { exitCode, stderr } = await bench("serve", ...options);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
    expect(stderr).toContain(expected);
  });
});

describe("bench throughput and bench latency", () => {
  it("measure the engine in their own process", async () => {
    const path = join(folder, "tiny.gguf");
    await writeFile(path, tinyLlama());
    const load = ["--model", path, "--threads", "1", "--input-len", "3", "--output-len", "4"];
    const throughput = await bench("throughput", ...load, "--num-prompts", "6");
    expect(throughput.exitCode).toBe(0);
    expect(throughput.stdout).toMatch(/^requests +6$/m);
    expect(throughput.stdout).toMatch(/^output tokens +24$/m);
    const file = join(folder, "latency.json");
    const runs = ["--num-prompts", "2", "--warmup", "0", "--iterations", "3", "--json", file];
    const latency = await bench("latency", ...load, ...runs);
    expect(latency.exitCode).toBe(0);
    expect(latency.stdout).toMatch(/^p99 \(ms\) +\d/m);
    expect(JSON.parse(await readFile(file, "utf8")).durationsMs).toHaveLength(3);
  });
});
