import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCli } from "./run-cli";

describe("compare", () => {
  it("generates one answer in every way, and writes a table and a plot", async () => {
    const folder = await mkdtemp(join(tmpdir(), "compare-"));
    const svg = join(folder, "plot.svg");
    const parameters = ["compare", "--prompt", "Hi", "--max-tokens", "6", "--batch-sizes", "2"];
    const { exitCode, stdout, stderr } = await runCli([...parameters, "--svg", svg]);
    expect(exitCode).toBe(0);
    const [header, ...lines] = stdout.trimEnd().split("\n");
    expect(header).toMatch(/^WAY +TOKENS\/S +SPEED +FIRST TOKEN +KEYS AND VALUES +SAME ANSWER$/);
    expect(lines.map((line) => line.split(/ {2,}/)[0])).toEqual([
      "keys and values cached",
      "all computed anew",
      "paged",
      "paged, with drafts",
      "2 answers at once",
    ]);
    for (const line of lines) expect(line).toMatch(/ {2}\d+\.\d {2,}\d+\.\d\dx {2,}.* yes$/);
    expect(stderr).toContain(`plot written to ${svg}`);
    const plot = await readFile(svg, "utf8");
    expect(plot).toMatch(/^<svg .*<\/svg>$/s);
    expect(plot).toContain("2 answers at once");
    expect(plot).not.toContain("NaN");
    await rm(folder, { recursive: true });
  });

  it("prints JSON, and refuses what it cannot compare", async () => {
    const parameters = ["compare", "--prompt", "Hi", "--max-tokens", "3", "--batch-sizes", "3"];
    const { stdout } = await runCli([...parameters, "--json"]);
    const rows: { name: string; tokensPerSecond: number; cacheBytes: number }[] =
      JSON.parse(stdout);
    expect(rows).toHaveLength(5);
    expect(rows.every(({ tokensPerSecond }) => tokensPerSecond > 0)).toBe(true);
    expect(rows.find(({ name }) => name === "all computed anew")?.cacheBytes).toBe(0);
    const tooLong = await runCli(["compare", "--prompt", "Hi", "--max-tokens", "9000"]);
    expect(tooLong).toMatchObject({ exitCode: 1, stdout: "" });
    expect(tooLong.stderr).toMatch(/exceed the context of \d+; lower --max-tokens/);
    const bad = await runCli(["compare", "--batch-sizes", "2,x"]);
    expect(bad.stderr).toMatch(/Use numbers from 2 to 256/);
  });
});
