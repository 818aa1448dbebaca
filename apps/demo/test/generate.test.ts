import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { cliPath, runCli } from "./run-cli";

const greedy = ["--temperature", "0", "--max-tokens"];

function parseRecord(stdout: string): Record<string, unknown> {
  expect(stdout).toMatch(/^\{[^\n]*\}\n$/);
  return JSON.parse(stdout);
}

describe("generate", () => {
  it("prints one JSON object with --json, and nothing else", async () => {
    const parameters = ["generate", "--prompt", "The capital of France is", ...greedy, "16"];
    const { exitCode, stdout, stderr } = await runCli([...parameters, "--json"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const record = parseRecord(stdout);
    expect(Object.keys(record)).toEqual([
      "model",
      "device",
      "kernels",
      "text",
      "tokens",
      "promptTokens",
      "completionTokens",
      "timeToFirstTokenMs",
      "decodeTokensPerSecond",
      "peakRssBytes",
      "finishReason",
    ]);
    expect(record).toMatchObject({
      model: "smollm2-135m-instruct",
      device: "wasm",
      completionTokens: 16,
      finishReason: "length",
    });
    expect(record.tokens).toHaveLength(16);
  });

  it("streams the same text to standard output and the figures to standard error", async () => {
    const parameters = ["generate", "--prompt", "What is the capital of France?", ...greedy, "16"];
    const record = parseRecord((await runCli([...parameters, "--json"])).stdout);
    const { exitCode, stdout, stderr } = await runCli(parameters);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${record.text}\n` });
    expect(stdout).toContain("Paris");
    expect(stderr).toMatch(/\d+ prompt tokens · \d+ new tokens · ended by the model\n/);
    expect(stderr).toMatch(
      /first token .* tokens\/s · keys and values .* MB · peak memory \d+ MB · wasm, \S+ kernels\n/,
    );
  });

  it("answers a prompt that a shell pipes in", async () => {
    const command = `echo "What is the capital of France?" | node "${cliPath}" --max-tokens 8 --json`;
    const shell = spawn("sh", ["-c", command], { stdio: ["ignore", "pipe", "inherit"] });
    expect(parseRecord(await text(shell.stdout))).toMatchObject({
      text: expect.stringContaining("Paris"),
    });
  });

  it("starts from the prompt that a file keeps, and mends a file that it cannot use", async () => {
    const directory = await mkdtemp(join(tmpdir(), "x-demo-"));
    try {
      const file = join(directory, "prompt.kv");
      const prompt = "What is the capital of France?";
      const parameters = ["generate", "--prompt", prompt, ...greedy, "8", "--prompt-cache", file];
      const first = await runCli(parameters);
      expect(first.stderr).not.toContain("cached");
      const second = await runCli(parameters);
      expect(second.stdout).toBe(first.stdout);
      expect(second.stderr).toMatch(/\d+ prompt tokens \(\d+ cached\)/);
      const bytes = await readFile(file);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      await writeFile(file, bytes);
      const third = await runCli(parameters);
      expect(third.stdout).toBe(first.stdout);
      expect(third.stderr).toMatch(/note: .*prompt\.kv: the saved cache is damaged/);
      expect((await runCli(parameters)).stderr).toContain("cached");
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("continues plain text with --raw", async () => {
    const parameters = ["generate", "--raw", "--prompt", "The capital of France is"];
    const { stdout } = await runCli([...parameters, ...greedy, "4", "--json"]);
    expect(parseRecord(stdout)).toMatchObject({
      text: expect.stringContaining("Paris"),
      promptTokens: 5,
    });
  });

  it("follows the system prompt and the seed", async () => {
    const sample = async (...options: string[]) => {
      const parameters = ["generate", "--prompt", "Hello", "--max-tokens", "8", "--json"];
      const { stdout } = await runCli([...parameters, "--temperature", "1.5", ...options]);
      return parseRecord(stdout);
    };
    const first = await sample("--seed", "1");
    expect((await sample("--seed", "1")).tokens).toEqual(first.tokens);
    expect((await sample("--seed", "2")).tokens).not.toEqual(first.tokens);
    const withSystem = await sample("--seed", "1", "--system", "You speak only Latin.");
    expect(withSystem.promptTokens).not.toBe(first.promptTokens);
  });

  it("reads the prompt from standard input for -", async () => {
    const parameters = ["generate", ...greedy, "1", "--json", "--prompt"];
    const record = async (prompt: string, input?: string) => {
      const { stdout } = await runCli(
        [...parameters, prompt],
        input === undefined ? {} : { input },
      );
      return parseRecord(stdout);
    };
    const { tokens, promptTokens } = await record("Where is Rome?");
    expect(await record("-", "Where is Rome?\n")).toMatchObject({ tokens, promptTokens });
  });

  it.runIf(process.platform !== "win32")("reads the prompt from a shell's pipe", async () => {
    const command = `echo 'Where is Rome?' | "$0" "$1" generate --max-tokens 1 --json`;
    const child = spawn("sh", ["-c", command, process.execPath, cliPath]);
    const piped = text(child.stdout);
    const direct = await runCli(["--prompt", "Where is Rome?", "--max-tokens", "1", "--json"]);
    const { promptTokens } = parseRecord(direct.stdout);
    expect(parseRecord(await piped)).toMatchObject({ promptTokens });
  });

  it("answers the default question, also when standard input stays open and silent", async () => {
    const child = spawn(process.execPath, [cliPath], { stdio: "pipe" });
    const answer = await text(child.stdout);
    expect(answer).toContain("photosynthesis");
    expect(child.exitCode ?? (await once(child, "exit"))[0]).toBe(0);
  });

  it("gives whole characters only", async () => {
    const prompt = "Repeat exactly: 你好，世界 😀 ça va";
    let output = "";
    const { stdout } = await runCli(["generate", "--prompt", prompt, ...greedy, "40"], {
      onOutput: (text) => {
        output = text;
        return undefined;
      },
    });
    expect(stdout).toBe(output);
    expect(stdout).not.toContain("\uFFFD");
  });

  it("ends in order on Ctrl-C: the text so far, the figures, exit code 130", async () => {
    const parameters = ["generate", "--prompt", "Count from 1 to 100.", ...greedy, "400"];
    let isInterrupted = false;
    const { exitCode, stdout, stderr } = await runCli(parameters, {
      onOutput(text) {
        if (isInterrupted || text.length <= 10) return undefined;
        isInterrupted = true;
        return "SIGINT";
      },
    });
    expect(exitCode).toBe(130);
    expect(stdout.length).toBeGreaterThan(10);
    expect(stdout).toMatch(/\n$/);
    expect(stderr).toContain("stopped by you");
  });

  it.runIf(process.platform !== "win32")("ends quietly when its reader has enough", async () => {
    const command = `"$0" "$1" generate --prompt 'Count from 1 to 100.' --max-tokens 60 | head -c 3`;
    const child = spawn("sh", ["-c", command, process.execPath, cliPath]);
    const [output, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(output).toHaveLength(3);
    expect(complaints).toBe("");
  });

  it("refuses a prompt that is longer than the context", async () => {
    const input = "word ".repeat(10_000);
    const { exitCode, stdout, stderr } = await runCli(["generate", "--prompt", "-"], { input });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(/^error: the prompt has \d+ tokens[^\n]*\n$/);
  });
});

describe("chat", () => {
  it("remembers the conversation and reuses its cache", async () => {
    const input =
      "My name is Ada.\n/system\n\nWhat is my name?\n/reset\nHello\n/exit\nnever read\n";
    const { exitCode, stdout, stderr } = await runCli(["chat", ...greedy, "24"], { input });
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Ada");
    const counts = [...stderr.matchAll(/(\d+) prompt tokens( \((\d+) cached\))?/g)].map(
      (match) => ({
        prompt: Number(match[1]),
        cached: Number(match[3] ?? 0),
      }),
    );
    expect(counts).toHaveLength(3);
    const [first, second, third] = counts as [
      (typeof counts)[0],
      (typeof counts)[0],
      (typeof counts)[0],
    ];
    expect(first.cached).toBe(0);
    // The second turn computes its own message alone, not the first turn and its answer.
    expect(second.cached).toBeGreaterThan(first.prompt);
    expect(third.prompt).toBeLessThan(second.prompt);
    expect(stderr).toContain("system prompt: the model's own");
    expect(stderr).toContain("the conversation is forgotten");
  });

  it("goes on after a message that is too long", async () => {
    const input = `${"word ".repeat(10_000)}\n/unknown\n`;
    const { exitCode, stdout, stderr } = await runCli(["chat"], { input });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
    expect(stderr).toMatch(/\nerror: the prompt has \d+ tokens[^\n]*\n/);
    expect(stderr).toContain("unknown command /unknown");
  });
});
