import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ModelFileError } from "../../src/errors";
import {
  type DownloadProgress,
  findCachedModel,
  type ModelRegistry,
  type ResolveModelOptions,
  resolveModel,
} from "../../src/node";
import {
  type Answer,
  fileAnswer,
  type HubServer,
  headersOnlyAnswer,
  silentAnswer,
  startHubServer,
  statusAnswer,
} from "./hub-server";

const bytes = pseudoRandomBytes(3_000_000);
const otherBytes = pseudoRandomBytes(3_000_000, 7);
const entry = {
  repository: "owner/tiny-GGUF",
  revision: "0123abc",
  file: "tiny.gguf",
  sha256: createHash("sha256").update(bytes).digest("hex"),
  byteLength: bytes.length,
  license: "MIT",
  description: "bytes that only tests use",
};
const registry: ModelRegistry = { tiny: entry };

let cacheDirectory: string;
let path: string;
let hub: HubServer;
let progress: DownloadProgress[];

beforeEach(async () => {
  cacheDirectory = await mkdtemp(join(tmpdir(), "x-models-test-"));
  path = join(cacheDirectory, "tiny", "tiny.gguf");
  hub = await startHubServer(fileAnswer(bytes));
  progress = [];
});

afterEach(async () => {
  await hub[Symbol.asyncDispose]();
  await rm(cacheDirectory, { recursive: true, force: true });
});

function resolve(options: ResolveModelOptions = {}): Promise<string> {
  return resolveModel("tiny", {
    cacheDirectory,
    registry,
    endpoint: hub.endpoint,
    token: "",
    firstByteTimeoutMs: 2_000,
    stallTimeoutMs: 2_000,
    retryDelayMs: 1,
    onProgress: (event) => progress.push(event),
    ...options,
  });
}

async function failure(promise: Promise<unknown>): Promise<ModelFileError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ModelFileError);
  const { message } = error as ModelFileError;
  expect(message).not.toMatch(/\n/);
  return error as ModelFileError;
}

const isIntact = async () => (await readFile(path)).equals(bytes);
const cacheFiles = async () => (await readdir(dirname(path))).sort();
const complete = ["tiny.gguf", "tiny.gguf.verified.json"];
/** A busy machine loses what it had received but not read when a connection breaks. */
const fromPart = expect.stringMatching(/^bytes=[1-9]\d*-$/);
const rangesAsked = () => hub.requests.map((request) => request.headers.range);
const eventTypes = () => [...new Set(progress.map(({ type }) => type))];

describe("a download", () => {
  it("puts the verified file into the cache and leaves nothing else there", async () => {
    expect(await resolve()).toBe(path);
    expect(await isIntact()).toBe(true);
    expect(await cacheFiles()).toEqual(complete);
    expect(hub.requests.map(({ url }) => url)).toEqual([
      "/owner/tiny-GGUF/resolve/0123abc/tiny.gguf",
    ]);
    const loaded = progress.map((event) => ("loadedBytes" in event ? event.loadedBytes : -1));
    expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
    expect(progress.at(-1)).toEqual({
      type: "download-progress",
      source: new URL(hub.endpoint).host,
      loadedBytes: bytes.length,
      totalBytes: bytes.length,
    });
  });

  it("takes a body of unannounced length", async () => {
    hub.answers = [fileAnswer(bytes, { contentLength: false })];
    await resolve();
    expect(await isIntact()).toBe(true);
  });

  it("follows a redirect to another origin without handing it the token", async () => {
    await using storage = await startHubServer(fileAnswer(bytes));
    hub.answers = [
      (_request, response) =>
        response.writeHead(302, { location: `${storage.endpoint}/blob` }).end(),
    ];
    await resolve({ token: "hf_secret" });
    expect(await isIntact()).toBe(true);
    expect(hub.requests[0]?.headers.authorization).toBe("Bearer hf_secret");
    expect(storage.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it("continues where the connection broke", async () => {
    hub.answers = [fileAnswer(bytes, { stopAfter: 1_000_000 }), fileAnswer(bytes)];
    await resolve();
    expect(await isIntact()).toBe(true);
    expect(await cacheFiles()).toEqual(complete);
    expect(rangesAsked()).toEqual([undefined, fromPart]);
    expect(hub.requests[1]?.headers["if-range"]).toBe('"version-1"');
    expect(eventTypes()).toContain("download-retry");
  });

  it("continues after a stall", async () => {
    hub.answers = [fileAnswer(bytes, { stopAfter: 500_000, stop: "stall" }), fileAnswer(bytes)];
    await resolve({ stallTimeoutMs: 100 });
    expect(await isIntact()).toBe(true);
    expect(rangesAsked()).toEqual([undefined, fromPart]);
  });

  it("gives up on a connection that breaks each time, and continues at the next call", async () => {
    hub.answers = [fileAnswer(bytes, { stopAfter: 100_000 })];
    const error = await failure(resolve());
    expect(error.details.reason).toBe("interrupted");
    expect(error.message).toContain("run again");
    expect(hub.requests).toHaveLength(4);
    expect(await cacheFiles()).toEqual(["tiny.gguf.part", "tiny.gguf.part.etag"]);

    hub.answers = [fileAnswer(bytes)];
    await resolve();
    expect(rangesAsked().at(-1)).toEqual(fromPart);
    expect(await isIntact()).toBe(true);
    expect(await cacheFiles()).toEqual(complete);
  });

  it("starts anew when the file has changed on the hub", async () => {
    hub.answers = [
      fileAnswer(otherBytes, { stopAfter: 1_000_000, etag: '"old"' }),
      fileAnswer(bytes, { etag: '"new"' }),
    ];
    await resolve();
    expect(await isIntact()).toBe(true);
    expect(rangesAsked()).toEqual([undefined, fromPart]);
  });

  it("starts anew when the server ignores If-Range but names another version", async () => {
    hub.answers = [
      fileAnswer(otherBytes, { stopAfter: 1_000_000, etag: '"old"' }),
      fileAnswer(bytes, { etag: '"new"', ifRange: false }),
    ];
    await resolve();
    expect(await isIntact()).toBe(true);
    expect(rangesAsked()).toEqual([undefined, fromPart, undefined]);
  });

  it("starts anew when the server knows no ranges", async () => {
    hub.answers = [
      fileAnswer(bytes, { stopAfter: 1_000_000 }),
      fileAnswer(bytes, { ranges: false }),
    ];
    await resolve();
    expect(await isIntact()).toBe(true);
  });

  it("does not continue a version that it cannot name", async () => {
    hub.answers = [
      fileAnswer(otherBytes, { stopAfter: 1_000_000, etag: 'W/"weak"' }),
      fileAnswer(bytes),
    ];
    await resolve();
    expect(rangesAsked()).toEqual([undefined, undefined]);
    expect(await isIntact()).toBe(true);
  });

  it("starts anew when the server refuses the range", async () => {
    hub.answers = [
      fileAnswer(bytes, { stopAfter: 1_000_000 }),
      statusAnswer(416),
      fileAnswer(bytes),
    ];
    await resolve();
    expect(rangesAsked()).toEqual([undefined, fromPart, undefined]);
    expect(await isIntact()).toBe(true);
  });

  it("starts anew when the server continues at another place", async () => {
    const misplaced: Answer = (_request, response) => {
      response.writeHead(206, {
        "content-range": `bytes 999999-${bytes.length - 1}/${bytes.length}`,
      });
      response.end(bytes.subarray(999_999));
    };
    hub.answers = [fileAnswer(bytes, { stopAfter: 1_000_000 }), misplaced, fileAnswer(bytes)];
    await resolve();
    expect(rangesAsked()).toEqual([undefined, fromPart, undefined]);
    expect(await isIntact()).toBe(true);
  });

  it("continues after an answer that ends too early", async () => {
    const short: Answer = (_request, response) => {
      // Chunked, so that nothing announces what is missing.
      response.writeHead(200, { etag: '"version-1"', "transfer-encoding": "chunked" });
      response.end(bytes.subarray(0, 1_000_000));
    };
    hub.answers = [short, fileAnswer(bytes)];
    await resolve();
    expect(rangesAsked()).toEqual([undefined, fromPart]);
    expect(await isIntact()).toBe(true);
  });

  it.each([401, 403, 404, 416, 429, 500, 503])("fails at once on HTTP %i", async (status) => {
    hub.answers = [statusAnswer(status)];
    const error = await failure(resolve());
    expect(error.details).toMatchObject({ reason: "http-status", status });
    expect(hub.requests).toHaveLength(1);
    expect(await cacheFiles()).toEqual([]);
  });

  it("fails when nothing answers within the time for the first byte", async () => {
    hub.answers = [silentAnswer];
    const error = await failure(resolve({ firstByteTimeoutMs: 100 }));
    expect(error.details.reason).toBe("timeout");
    expect(hub.requests).toHaveLength(1);
    expect(await cacheFiles()).toEqual([]);
  });

  it("counts headers without a body as no answer", async () => {
    hub.answers = [headersOnlyAnswer(bytes.length)];
    const error = await failure(resolve({ firstByteTimeoutMs: 100 }));
    expect(error.details.reason).toBe("timeout");
    expect(hub.requests).toHaveLength(1);
  });

  it("fails when the host cannot be reached", async () => {
    await hub[Symbol.asyncDispose]();
    const error = await failure(resolve());
    expect(error.details).toMatchObject({ reason: "unreachable", systemCode: "ECONNREFUSED" });
  });

  it("never leaves a file with the wrong checksum", async () => {
    hub.answers = [fileAnswer(otherBytes)];
    const error = await failure(resolve());
    expect(error.details).toMatchObject({ reason: "checksum", expected: entry.sha256 });
    expect(await cacheFiles()).toEqual([]);
  });

  it("never leaves a wrong file that was put together from two attempts", async () => {
    hub.answers = [fileAnswer(otherBytes, { stopAfter: 1_000_000 }), fileAnswer(bytes)];
    const error = await failure(resolve());
    expect(error.details.reason).toBe("checksum");
    expect(await cacheFiles()).toEqual([]);
    await resolve();
    expect(await isIntact()).toBe(true);
  });

  it.each([
    ["an announced length", { contentLength: true }],
    ["no announced length", { contentLength: false }],
  ])("refuses a longer file with %s", async (_case, options) => {
    hub.answers = [fileAnswer(pseudoRandomBytes(4_000_000), options)];
    const error = await failure(resolve());
    expect(error.details.reason).toBe("size-mismatch");
    expect(await cacheFiles()).toEqual([]);
  });

  it("refuses a web page in place of the file", async () => {
    hub.answers = [statusAnswer(200)];
    const error = await failure(resolve());
    expect(error.details.reason).toBe("size-mismatch");
  });

  it("stops when asked, keeps the part, and continues it at the next call", async () => {
    hub.answers = [fileAnswer(bytes, { stopAfter: 600_000, stop: "stall" })];
    const controller = new AbortController();
    const reason = new Error("stopped by the test");
    const promise = resolve({
      signal: controller.signal,
      onProgress: (event) => {
        if (event.type === "download-progress" && event.loadedBytes === 600_000) {
          controller.abort(reason);
        }
      },
    });
    await expect(promise).rejects.toBe(reason);
    expect(await cacheFiles()).toEqual(["tiny.gguf.part", "tiny.gguf.part.etag"]);

    hub.answers = [fileAnswer(bytes)];
    await resolve();
    expect(rangesAsked()).toEqual([undefined, fromPart]);
    expect(await isIntact()).toBe(true);
  });

  it("does nothing when it is stopped before it starts", async () => {
    const reason = new Error("already stopped");
    await expect(resolve({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(hub.requests).toHaveLength(0);
  });

  it.runIf(process.platform === "linux")("says when the disk is full", async () => {
    await mkdir(dirname(path), { recursive: true });
    await symlink("/dev/full", `${path}.part`);
    const fallback = vi.fn(() => Promise.resolve());
    const error = await failure(resolve({ fallback }));
    expect(error.details).toMatchObject({ reason: "storage", systemCode: "ENOSPC" });
    expect(error.message).toContain("no space left on the disk");
    expect(fallback).not.toHaveBeenCalled();
  });

  it("says when the cache cannot be made", async () => {
    const file = join(cacheDirectory, "file");
    await writeFile(file, "");
    const error = await failure(resolve({ cacheDirectory: join(file, "below") }));
    expect(error.details.reason).toBe("storage");
  });

  it("keeps the token out of errors", async () => {
    hub.answers = [statusAnswer(403)];
    for (const token of ["hf_secret", "hf_sec\nret", "hf_secret\u00e9"]) {
      const error = await failure(resolve({ token }));
      expect(JSON.stringify([error.message, error.details, String(error.stack)])).not.toMatch(
        /hf_sec/,
      );
    }
  });

  it.each(["nowhere", "file:///etc/passwd", "http://user:password@127.0.0.1:1"])(
    "refuses the endpoint %s without quoting it",
    async (endpoint) => {
      const error = await failure(resolve({ endpoint }));
      expect(error.message).toContain("HF_ENDPOINT");
      expect(error.message).not.toContain(endpoint);
    },
  );
});

describe("the cache", () => {
  it("answers again without the network and without reading the file", async () => {
    await resolve();
    progress = [];
    expect(await resolve()).toBe(path);
    expect(hub.requests).toHaveLength(1);
    expect(progress).toEqual([]);
  });

  it("takes a file that was put there by hand, after one verification", async () => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    await resolve();
    expect(eventTypes()).toEqual(["verify-progress"]);
    progress = [];
    await resolve();
    expect(progress).toEqual([]);
    expect(hub.requests).toHaveLength(0);
  });

  it("stops a verification when asked", async () => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    const controller = new AbortController();
    const reason = new Error("stopped by the test");
    const promise = resolve({
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(promise).rejects.toBe(reason);
    expect(await cacheFiles()).toEqual(["tiny.gguf"]);
  });

  it("verifies again when the stamp is damaged", async () => {
    await resolve();
    await writeFile(`${path}.verified.json`, "{");
    progress = [];
    await resolve();
    expect(eventTypes()).toEqual(["verify-progress"]);
    expect(hub.requests).toHaveLength(1);
  });

  it("fetches a truncated file again", async () => {
    await resolve();
    await truncate(path, 1_000);
    await resolve();
    expect(eventTypes()).toContain("cache-discard");
    expect(hub.requests).toHaveLength(2);
    expect(await isIntact()).toBe(true);
  });

  it("fetches a file again in which a byte changed, even with the old times on it", async () => {
    const time = new Date("2026-01-01");
    await resolve();
    await utimes(path, time, time);
    await resolve();
    const file = await open(path, "r+");
    await file.write(Uint8Array.of((bytes[12_345] ?? 0) ^ 1), 0, 1, 12_345);
    await file.close();
    await utimes(path, time, time);
    await resolve();
    expect(eventTypes()).toContain("cache-discard");
    expect(await isIntact()).toBe(true);
    expect(await cacheFiles()).toEqual(complete);
  });

  it("keeps no corrupt file when it cannot be fetched again", async () => {
    await resolve();
    await truncate(path, 1_000);
    hub.answers = [statusAnswer(500)];
    await failure(resolve());
    expect(await cacheFiles()).toEqual([]);
  });

  it("downloads once for several callers", async () => {
    hub.answers = [
      fileAnswer(bytes, { stopAfter: 1_000_000, stop: "cut" }),
      fileAnswer(bytes),
      statusAnswer(500),
    ];
    expect(await Promise.all([resolve(), resolve(), resolve()])).toEqual([path, path, path]);
    expect(hub.requests).toHaveLength(2);
    expect(eventTypes()).toContain("download-wait");
    expect(await cacheFiles()).toEqual(complete);
  });

  it("waits for another process until that lets go", async () => {
    await using other = await startIdleProcess();
    await writeLock({ pid: other.pid, host: hostname() });
    const promise = resolve({
      onProgress: (event) => {
        progress.push(event);
        if (event.type === "download-wait") void rm(`${path}.lock`);
      },
    });
    await promise;
    expect(eventTypes()).toEqual(["download-wait", "download-progress"]);
    expect(await cacheFiles()).toEqual(complete);
  });

  it("stops waiting when asked", async () => {
    await using other = await startIdleProcess();
    await writeLock({ pid: other.pid, host: hostname() });
    const controller = new AbortController();
    const reason = new Error("stopped by the test");
    const promise = resolve({
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(promise).rejects.toBe(reason);
    expect(await cacheFiles()).toEqual(["tiny.gguf.lock"]);
    expect(hub.requests).toHaveLength(0);
  });

  it("takes over from a process that died", async () => {
    const other = await startIdleProcess();
    await writeLock({ pid: other.pid, host: hostname() });
    await other[Symbol.asyncDispose]();
    await Promise.all([resolve(), resolve()]);
    expect(hub.requests).toHaveLength(1);
    expect(await cacheFiles()).toEqual(complete);
  });

  it("takes over from another machine that has not been heard of for long", async () => {
    await writeLock({ pid: process.pid, host: "another-machine" });
    const old = new Date(Date.now() - 60_000);
    await utimes(`${path}.lock`, old, old);
    await resolve();
    expect(await cacheFiles()).toEqual(complete);
  });

  it.runIf(process.getuid?.() !== 0)("is used when it cannot be written to", async () => {
    await resolve();
    await rm(`${path}.verified.json`);
    await chmod(dirname(path), 0o555);
    expect(await resolve()).toBe(path);
    await chmod(dirname(path), 0o755);
  });

  it("tells the state of a model without the network", async () => {
    const options = { cacheDirectory, registry };
    expect((await findCachedModel("tiny", options)).state).toBe("missing");
    await resolve();
    expect(await findCachedModel("tiny", options)).toEqual({
      name: "tiny",
      entry,
      path,
      state: "valid",
    });
    await truncate(path, 10);
    expect((await findCachedModel("tiny", options)).state).toBe("corrupt");
    await failure(findCachedModel("other", options));
  });

  async function writeLock(owner: { pid: number; host: string }): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.lock`, JSON.stringify({ ...owner, token: "test" }));
  }
});

describe("the fallback", () => {
  const writeBytes: NonNullable<ResolveModelOptions["fallback"]> = ({ targetPath }) =>
    writeFile(targetPath, bytes);

  it.each([
    ["does not answer", () => silentAnswer],
    ["answers with an error", () => statusAnswer(503)],
    ["sends a wrong file", () => fileAnswer(otherBytes)],
  ])("is used when the hub %s", async (_case, answer) => {
    hub.answers = [answer()];
    await resolve({ fallback: writeBytes, firstByteTimeoutMs: 100 });
    expect(await isIntact()).toBe(true);
    expect(await cacheFiles()).toEqual(complete);
    expect(eventTypes()).toContain("fallback-start");
  });

  it("clears the part of a broken download away", async () => {
    hub.answers = [fileAnswer(bytes, { stopAfter: 1_000 })];
    await resolve({ fallback: writeBytes });
    expect(await cacheFiles()).toEqual(complete);
  });

  it("is not used when the hub has the file", async () => {
    await resolve({ fallback: () => Promise.reject(new Error("not expected")) });
    expect(await isIntact()).toBe(true);
  });

  it.each([
    ["writes a wrong file", (target: string) => writeFile(target, otherBytes)],
    ["writes a short file", (target: string) => writeFile(target, bytes.subarray(1))],
    ["writes nothing", () => Promise.resolve()],
    [
      "fails halfway",
      async (target: string) => {
        await writeFile(target, bytes.subarray(1));
        throw new Error("no\nPython here");
      },
    ],
  ])("leaves nothing when it %s", async (_case, fallback) => {
    hub.answers = [statusAnswer(503)];
    const error = await failure(resolve({ fallback: ({ targetPath }) => fallback(targetPath) }));
    expect(error.message).toContain("HTTP 503");
    expect(error.message).toContain("the fallback failed too");
    expect(await cacheFiles()).toEqual([]);
  });

  it("can be stopped", async () => {
    hub.answers = [statusAnswer(503)];
    const controller = new AbortController();
    const reason = new Error("stopped by the test");
    const fallback: ResolveModelOptions["fallback"] = async ({ targetPath, signal }) => {
      await writeFile(targetPath, bytes.subarray(1));
      controller.abort(reason);
      signal?.throwIfAborted();
    };
    await expect(resolve({ fallback, signal: controller.signal })).rejects.toBe(reason);
    expect(await cacheFiles()).toEqual([]);
  });
});

describe("a name or a path", () => {
  it("takes the path of a file as it is", async () => {
    const file = join(cacheDirectory, "own.gguf");
    await writeFile(file, "GGUF");
    expect(await resolveModel(file)).toBe(file);
  });

  it.each(["missing.gguf", "./missing", "/no/such/file"])("misses the file %s", async (name) => {
    const error = await failure(resolveModel(name));
    expect(error.message).toBe(`cannot open ${name}: no such file or directory`);
  });

  it("refuses a folder", async () => {
    const error = await failure(resolveModel(cacheDirectory));
    expect(error.message).toContain("not a file");
  });

  it.each(["llama", "constructor", "__proto__", "", "TINY"])(
    "lists the known models for the unknown name %j",
    async (name) => {
      const error = await failure(resolveModel(name, { registry, cacheDirectory }));
      expect(error.message).toContain("known models: tiny");
    },
  );
});

interface IdleProcess extends AsyncDisposable {
  readonly pid: number;
}

async function startIdleProcess(): Promise<IdleProcess> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  await once(child, "spawn");
  return {
    pid: child.pid!,
    async [Symbol.asyncDispose]() {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    },
  };
}

/** A linear congruential generator, so that each run sees the same bytes. */
function pseudoRandomBytes(length: number, seed = 1): Uint8Array {
  const result = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    result[index] = state >>> 24;
  }
  return result;
}
