import { createRequire } from "node:module";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createDevice, type Device, linear, matmul, tensor, tidy } from "../src/index";
import { ThreadPool } from "../src/wasm/thread-pool";
import { randomPacked } from "./support/packed-blocks";
import { normalValues } from "./support/random";

/** Products large enough to be cut into many parts. */
function products(device: Device): Float32Array[] {
  return tidy(() => {
    const input = tensor(normalValues(7 * 256, 1), [7, 256], { device });
    const square = tensor(normalValues(256 * 320, 2), [256, 320], { device });
    const results = [matmul(input, square)];
    for (const dtype of ["float32", "float16", "q4_0", "q4_1", "q8_0"] as const) {
      const packed =
        dtype === "float32" ? normalValues(900 * 256, 3) : randomPacked(dtype, [900, 256], 3);
      const stored = dtype === "float16" ? new Uint16Array(packed.buffer) : packed;
      results.push(linear(input, tensor(stored, [900, 256], { device, dtype })));
    }
    return results.map((result) => result.dataSync() as Float32Array);
  });
}

/** Lets `run` get at the worker threads that are made meanwhile. */
async function withWorkers<Result>(
  run: (workers: { terminate(): Promise<number> }[]) => Promise<Result>,
): Promise<Result> {
  const threads = createRequire(import.meta.url)("node:worker_threads");
  const { Worker } = threads;
  const workers: InstanceType<typeof Worker>[] = [];
  threads.Worker = class extends Worker {
    constructor(...parameters: unknown[]) {
      super(...parameters);
      workers.push(this);
    }
  };
  try {
    return await run(workers);
  } finally {
    threads.Worker = Worker;
  }
}

describe("threads", () => {
  afterEach(() => vi.restoreAllMocks());

  it("give the same results, bit by bit, whatever their number", async () => {
    const results: Float32Array[][] = [];
    for (const threads of [1, 2, 3, 5]) {
      using device = await createDevice("wasm", { threads });
      expect(device.threads).toBe(threads);
      for (let repeat = 0; repeat < 3; repeat++) results.push(products(device));
    }
    const [first] = results;
    expect(first!.every((values) => values.every(Number.isFinite))).toBe(true);
    for (const other of results) expect(other).toEqual(first);
  });

  it("refuses impossible numbers", async () => {
    for (const threads of [0, -1, 1.5, Number.NaN, 257]) {
      await expect(createDevice("wasm", { threads })).rejects.toThrow(
        /threads is .*; use an integer/,
      );
    }
  });

  it("end with the device", async () => {
    await withWorkers(async (workers) => {
      const device = await createDevice("wasm", { threads: 3 });
      expect(workers.length).toBe(2);
      const ended = workers.map(
        (worker) =>
          new Promise((resolve) => (worker as never as NodeJS.EventEmitter).on("exit", resolve)),
      );
      device.dispose();
      await Promise.all(ended);
    });
  });

  it("lose none of their work to a worker that is killed while it sleeps", async () => {
    await withWorkers(async (workers) => {
      using device = await createDevice("wasm", { threads: 3 });
      const expected = products(device);
      await workers[0]!.terminate();
      expect(device.threads).toBe(2);
      expect(products(device)).toEqual(expected);
    });
  });

  it("give an error or the right result, and no hang, when a worker is killed at work", async () => {
    await withWorkers(async (workers) => {
      using device = await createDevice("wasm", { threads: 2 });
      const expected = products(device);
      // The order takes effect somewhere in the products that follow.
      void workers[0]!.terminate();
      for (let repeat = 0; repeat < 5; repeat++) {
        try {
          expect(products(device)).toEqual(expected);
        } catch (error) {
          expect(error).toMatchObject({ code: "KERNEL_FAILED" });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(products(device)).toEqual(expected);
    });
  });
});

describe("ThreadPool", () => {
  /** Kernels whose program is never finished, as when a thread dies in the middle of its part. */
  const stalled = () => ({
    programControlBytes: () => 448,
    startProgram: vi.fn(),
    joinProgram: vi.fn(() => 1),
    stopWorkers: vi.fn(),
  });
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
  const module = new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));

  it("gives up on a thread that does not finish, and goes on without it", async () => {
    const kernels = stalled();
    const parts = { module, memory, kernels: kernels as never, threads: 1, stallTimeoutMs: 60 };
    using pool = await ThreadPool.start(parts);
    expect(() => pool.run(8192, 8192, 64)).toThrow(/a worker thread ended .*; run it again/);
    expect(kernels.stopWorkers).toHaveBeenCalledTimes(1);
    const [[firstControl]] = kernels.startProgram.mock.calls as [[number]];
    kernels.joinProgram.mockReturnValue(0);
    pool.run(8192, 8192, 64);
    expect(kernels.startProgram.mock.lastCall?.[0]).not.toBe(firstControl);
  });

  it("gives the error of a thread at once", async () => {
    const kernels = stalled();
    kernels.joinProgram.mockReturnValue(2);
    using pool = await ThreadPool.start({ module, memory, kernels: kernels as never, threads: 1 });
    expect(() => pool.run(8192, 8192, 64)).toThrow(/worker thread/);
  });

  it("runs on the calling thread alone where workers cannot start", async () => {
    const kernels = stalled();
    kernels.joinProgram.mockReturnValue(0);
    // A module without the kernels: the worker ends with an error.
    using pool = await ThreadPool.start({ module, memory, kernels: kernels as never, threads: 3 });
    await vi.waitFor(() => expect(pool.threads).toBe(1));
    pool.run(8192, 8192, 64);
  });
});
