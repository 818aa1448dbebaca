import { copyFile, mkdtemp, open, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { modelFile } from "./model-file";
import { type RunOptions, runCli } from "./run-cli";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "x-demo-test-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the program and expects one line of complaint, exit code 1 and nothing else. */
async function complaint(parameters: readonly string[], options?: RunOptions): Promise<string> {
  const { exitCode, stdout, stderr } = await runCli(parameters, options);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  expect(stderr).toMatch(/^error: [^\n]+\n$/);
  return stderr;
}

describe("bad options", () => {
  it.each([
    ["--max-tokens 0", "an integer of 1 or more"],
    ["--max-tokens -3", "an integer of 1 or more"],
    ["--max-tokens many", "an integer of 1 or more"],
    ["--temperature NaN", "a number from 0 to 2"],
    ["--temperature 2.5", "a number from 0 to 2"],
    ["--top-k -1", "an integer of 0 or more"],
    ["--top-p 0", "a number above 0, up to 1"],
    ["--min-p 1.5", "a number from 0 to 1"],
    ["--repetition-penalty 0", "a number above 0, up to 2"],
    ["--seed 0.5", "an integer of 0 or more"],
    ["--threads 0", "an integer from 1 to 256"],
    ["--activation-bits 4", "Use 8 or 16"],
    ["--device gpu", "Allowed choices are cpu, wasm"],
    ["--kernels fast", "Allowed choices are auto, gpujs"],
    ["--promt x", "unknown option '--promt' (Did you mean --prompt?)"],
    ["--prompt", "argument missing"],
    ["--raw --system x", "--system needs the chat template"],
    ["more words", "too many arguments"],
  ])("generate %s", async (options, expected) => {
    expect(await complaint(["generate", "--json", ...options.split(" ")])).toContain(expected);
  });

  it.each([
    [["generat"], "unknown command 'generat' (Did you mean generate?)"],
    [["--what"], "unknown option '--what'"],
    [["--prompt", " "], "the prompt is empty"],
    [["generate", "--prompt", "-"], "the prompt is empty"],
    [["models", "pull"], "missing required argument 'name'"],
    [["models", "pull", "llama"], 'unknown model "llama"; known models: smollm2-135m-instruct'],
    [["bench", "latency", "--input-len", "9999999"], "an integer from 1 to 1048576"],
    [
      ["bench", "throughput", "--input-len", "9000"],
      "tokens do not fit in the 5809 tokens of a sequence",
    ],
    [["chat", "--max-tokens", "0"], "an integer of 1 or more"],
  ])("%j", async (parameters, expected) => {
    expect(await complaint(parameters)).toContain(expected);
  });

  it("shows help and succeeds when asked for it", async () => {
    const { exitCode, stdout, stderr } = await runCli(["--help"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain("Examples:");
  });
});

describe("bad model files", () => {
  const generate = (model: string) => ["generate", "--prompt", "x", "--json", "--model", model];

  it("lists the known names for an unknown one", async () => {
    expect(await complaint(generate("gpt-5"))).toContain("known models: smollm2-135m-instruct");
  });

  it("refuses a missing file and a folder", async () => {
    expect(await complaint(generate("missing.gguf"))).toContain("no such file");
    expect(await complaint(generate(folder))).toContain("not a file");
  });

  it("refuses a file of another kind", async () => {
    const path = join(folder, "text.gguf");
    await writeFile(path, "This is not a checkpoint.\n".repeat(10));
    await complaint(generate(path));
  });

  it.each([0, 3, 20, 5_000, 2_000_000, 98_362_431])("refuses the first %i bytes", async (size) => {
    const path = join(folder, "truncated.gguf");
    await copyFile(await modelFile(), path);
    await truncate(path, size);
    await complaint(generate(path));
    await rm(path);
  });

  it("refuses another architecture", async () => {
    const path = join(folder, "other.gguf");
    await copyFile(await modelFile(), path);
    const file = await open(path, "r+");
    const { buffer } = await file.read(Buffer.alloc(1_000), 0, 1_000, 0);
    await file.write("mamba", buffer.indexOf("llama"));
    await file.close();
    expect(await complaint(generate(path))).toContain('architecture "mamba"');
    await rm(path);
  });
});

describe("without the hub and without Python", () => {
  it("says both, and leaves nothing in the cache", async () => {
    const cache = join(folder, "cache");
    const message = await runCli(["models", "pull", "smollm2-135m-instruct"], {
      environment: {
        HF_ENDPOINT: "http://127.0.0.1:1",
        HF_TOKEN: "hf_secret",
        PATH: folder,
        X_MODELS_CACHE: cache,
      },
    });
    expect(message).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: expect.stringMatching(
        /^cannot reach 127\.0\.0\.1:1 [^\n]*\nerror: [^\n]*pip[^\n]*\n$/,
      ),
    });
    expect(message.stderr).not.toContain("hf_secret");
    expect(await readdir(join(cache, "smollm2-135m-instruct"))).toEqual([]);
  });
});
