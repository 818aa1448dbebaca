import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "./run-cli";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "x-demo-"));
});
afterAll(() => rm(directory, { recursive: true }));

describe("the embedded model", () => {
  it("continues text where nothing is cached, offline, and says so in one line", async () => {
    const environment = { X_MODELS_CACHE: join(directory, "empty") };
    const parameters = ["generate", "--offline", "--prompt", "And the LORD said unto"];
    const run = () => runCli([...parameters, "-n", "60", "--seed", "1", "--json"], { environment });
    const { exitCode, stdout, stderr } = await run();
    expect(exitCode).toBe(0);
    expect(stderr.trimEnd().split("\n")).toEqual([
      "smollm2-135m-instruct is not in the cache: using the embedded model, which writes like its one book",
    ]);
    const record = JSON.parse(stdout);
    expect(record).toMatchObject({ model: "kjv-lstm", completionTokens: 60 });
    // Its language is its book's: of the commonest words of that, several in 60 tokens.
    const words = new Set(record.text.toLowerCase().match(/[a-z]+/g));
    const common = ["the", "and", "of", "to", "that", "in", "he", "shall", "unto", "his", "lord"];
    expect(common.filter((word) => words.has(word)).length).toBeGreaterThan(3);
    const again = JSON.parse((await run()).stdout);
    expect(again.text).toBe(record.text);
  });

  it("takes no system prompt", async () => {
    const environment = { X_MODELS_CACHE: join(directory, "empty") };
    const parameters = ["generate", "--offline", "--prompt", "x", "--system", "y"];
    const { exitCode, stderr } = await runCli(parameters, { environment });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/takes no --system/);
  });
});

describe("train", () => {
  const sentence = "the wolf and the lamb came to the brook, and the wolf stood above the lamb. ";
  const sizes = ["--vocabulary", "280", "--embedding", "32", "--hidden", "32", "--batch", "2"];
  const settings = [...sizes, "--window", "8", "--report-every", "2", "--validation", "0.2"];

  it("goes on from its checkpoint as if it had never stopped, to a model that runs", async () => {
    const text = join(directory, "text.txt");
    await writeFile(text, sentence.repeat(40));
    const output = (name: string) => join(directory, `${name}.gguf`);
    const train = (name: string, ...more: string[]) =>
      runCli(["train", "--text", text, "-o", output(name), "--steps", "6", ...settings, ...more]);
    const whole = await train("whole");
    expect(whole).toMatchObject({ exitCode: 0, stdout: "" });
    expect(whole.stderr).toMatch(/step 6 of 6: loss \d\.\d+, validation \d\.\d+/);
    await writeFile(
      `${output("part")}.checkpoint`,
      await readFile(`${output("whole")}.checkpoint`),
    );
    const resumed = await train("part");
    expect(resumed.stderr).toMatch(/going on from step 6/);
    expect(await readFile(output("part"))).toEqual(await readFile(output("whole")));
    const other = await train("part", "--seed", "1");
    expect(other.exitCode).toBe(1);
    expect(other.stderr).toMatch(/other settings or another text/);
    const generated = await runCli([
      "generate",
      "-m",
      output("whole"),
      "--raw",
      "--prompt",
      "the wolf",
      "-n",
      "5",
      "--json",
    ]);
    expect(JSON.parse(generated.stdout).completionTokens).toBe(5);
  });

  it("needs a text that exists", async () => {
    const { exitCode, stderr } = await runCli(["train", "--text", join(directory, "none.txt")]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/cannot read the text/);
  });
});
