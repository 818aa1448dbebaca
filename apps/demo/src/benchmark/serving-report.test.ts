import { describe, expect, it } from "vitest";
import { formatServingReport } from "./format-report";
import type { RequestRecord } from "./measure-request";
import { toServingReport } from "./serving-report";
import { summarizeValues } from "./statistics";

describe("summarizeValues", () => {
  it("gives NumPy's figures", () => {
    // np.percentile([15, 20, 35, 40, 50], [5, 30, 40, 95]), np.std of the same.
    const { mean, median, std, percentiles } = summarizeValues(
      [50, 15, 40, 20, 35],
      [5, 30, 40, 95],
    );
    expect(mean).toBe(32);
    expect(median).toBe(35);
    expect(std).toBeCloseTo(12.884, 3);
    expect(percentiles["5"]).toBeCloseTo(16, 10);
    expect(percentiles["30"]).toBeCloseTo(23, 10);
    expect(percentiles["40"]).toBeCloseTo(29, 10);
    expect(percentiles["95"]).toBeCloseTo(48, 10);
  });

  it("gives zeros of nothing", () => {
    expect(summarizeValues([], [99])).toEqual({
      mean: 0,
      median: 0,
      std: 0,
      percentiles: { 99: 0 },
    });
  });
});

describe("toServingReport", () => {
  const record = (ttft: number, itl: number[], e2el: number): RequestRecord => ({
    ok: true,
    promptTokens: 10,
    outputTokens: itl.length + 1,
    ttft,
    itl,
    tpot: itl.length > 0 ? (e2el - ttft) / itl.length : undefined,
    e2el,
  });
  const records = [
    record(100, [10, 30], 140),
    record(300, [20], 320),
    record(50, [], 50),
    { ok: false, error: "429" } as const,
    { ok: false, error: "429" } as const,
  ];
  const result = { records, durationMs: 2000, peakConcurrency: 3 };

  it("counts requests, tokens and those that met every goal", () => {
    const report = toServingReport(result, [50], { ttft: 200, itl: 25 });
    expect(report).toMatchObject({
      completed: 3,
      failed: 2,
      errors: ["429"],
      promptTokens: 30,
      outputTokens: 6,
      requestsPerSecond: 1.5,
      outputTokensPerSecond: 3,
      totalTokensPerSecond: 18,
      // The first has a gap of 30, the second a first token at 300.
      goodput: 0.5,
    });
    expect(report.latencies.ttft).toMatchObject({ mean: 150, median: 100 });
    expect(report.latencies.tpot).toMatchObject({ mean: 20, median: 20, std: 0 });
    expect(report.latencies.itl).toMatchObject({ mean: 20, median: 20 });
    expect(report.latencies.e2el).toMatchObject({ mean: 170, percentiles: { 50: 140 } });
    expect(toServingReport(result, [50], {}).goodput).toBeUndefined();
  });

  it("is written in columns", () => {
    const text = formatServingReport(toServingReport(result, [50, 99], { ttft: 200 }));
    expect(text).toMatch(/^requests completed +3$/m);
    expect(text).toMatch(/^goodput \(requests\/s\) +1\.00$/m);
    expect(text).toMatch(/^\(ms\) +mean +median +std +p50 +p99$/m);
    expect(text).toMatch(/^time to first token +150\.0 +100\.0 +108\.0 +100\.0 +296\.0$/m);
    expect(text).toMatch(/^failed: 429$/m);
  });
});
