import parsePrometheus from "parse-prometheus-text-format";
import { expect } from "vitest";

/** One value of a metric. */
export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** All metrics of a server by name, as a Prometheus parser reads them. */
export async function readMetrics(url: string): Promise<Map<string, MetricSample[]>> {
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  // The parser drops the labels, count and sum of a histogram; without its type, it keeps them all.
  const untyped = text.replaceAll(/^# TYPE \S+ histogram\n/gm, "");
  const samples = new Map<string, MetricSample[]>();
  for (const { name, metrics } of [...parsePrometheus(text), ...parsePrometheus(untyped)]) {
    const values = metrics.flatMap(({ labels = {}, value }) =>
      value === undefined ? [] : [{ labels, value: Number(value) }],
    );
    samples.set(name, values);
  }
  return samples;
}

/** The sum of a metric's values, over those samples that have `labels`. */
export function total(
  samples: ReadonlyMap<string, readonly MetricSample[]>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const all = samples.get(name);
  expect(all, `the metric ${name}`).toBeDefined();
  return (all ?? [])
    .filter((sample) =>
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )
    .reduce((sum, { value }) => sum + value, 0);
}
