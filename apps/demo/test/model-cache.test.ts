import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { modelFile } from "./model-file";
import { runCli } from "./run-cli";

describe("the model cache", () => {
  let folder: string;
  let hub: Server;
  let requests: number;
  let environment: Record<string, string>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "x-demo-test-"));
    const path = await modelFile();
    requests = 0;
    hub = createServer((_request, response) => {
      requests += 1;
      createReadStream(path).pipe(response);
    });
    await new Promise<void>((resolve) => hub.listen(0, "127.0.0.1", resolve));
    const { port } = hub.address() as AddressInfo;
    environment = { X_MODELS_CACHE: folder, HF_ENDPOINT: `http://127.0.0.1:${port}` };
  });

  afterEach(async () => {
    hub.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("is filled once by two processes that replace a damaged file", async () => {
    const name = "smollm2-135m-instruct";
    const path = join(folder, name, "SmolLM2-135M-Instruct.Q4_1.gguf");
    await mkdir(join(folder, name));
    await writeFile(path, "GGUF");

    const list = async () => (await runCli(["models"], { environment })).stdout;
    expect(await list()).toMatch(/smollm2-135m-instruct .*damaged/);

    const pulls = [0, 1].map(() => runCli(["models", "pull", name], { environment }));
    const results = await Promise.all(pulls);
    for (const { exitCode, stdout } of results) {
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${path}\n` });
    }
    expect(results.map(({ stderr }) => stderr).join("")).toContain("is fetched again");
    expect(requests).toBe(1);
    expect((await readdir(join(folder, name))).filter((file) => !file.includes("gguf"))).toEqual(
      [],
    );
    expect(await list()).toMatch(/smollm2-135m-instruct .*in the cache/);
  }, 60_000);
});
