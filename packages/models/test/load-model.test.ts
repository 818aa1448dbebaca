import { XError } from "@x/tensor";
import { describe, expect, it } from "vitest";
import { scalar } from "../src/gguf/write-gguf";
import { type ByteSource, byteSourceFromBuffer, loadModel } from "../src/index";
import { tinyLlama } from "./support/tiny-llama";

const open = (bytes: Uint8Array) => byteSourceFromBuffer(bytes, "tiny.gguf");

describe("loadModel", () => {
  it("describes what it loaded", async () => {
    using model = await loadModel(open(tinyLlama()), { device: "cpu" });
    expect(model).toMatchObject({
      name: "tiny",
      architecture: "llama",
      device: "cpu",
      kernels: "gpujs",
      contextLength: 64,
    });
    expect(model.model.config).toMatchObject({ layers: 2, heads: 4, kvHeads: 2, headDim: 16 });
  });

  it("reports its progress to the last byte", async () => {
    const reports: { loaded: number; total: number }[] = [];
    using _ = await loadModel(open(tinyLlama()), { onProgress: (report) => reports.push(report) });
    const last = reports.at(-1)!;
    expect(last.loaded).toBe(last.total);
    expect(reports.length).toBe(20);
  });

  it("never reads a byte twice into memory of its own", async () => {
    const bytes = tinyLlama();
    const inner = open(bytes);
    let weightBytes = 0;
    const source: ByteSource = {
      ...inner,
      name: inner.name,
      size: inner.size,
      read: (offset, target, signal) => {
        weightBytes += target.byteLength;
        return inner.read(offset, target, signal);
      },
      close: () => inner.close(),
    };
    using _ = await loadModel(source, { device: "wasm" });
    expect(weightBytes).toBeLessThan(bytes.byteLength + 2 * 65536);
  });

  it("stops at the signal with its reason", async () => {
    const controller = new AbortController();
    const loading = loadModel(open(tinyLlama()), {
      signal: controller.signal,
      onProgress: ({ loaded }) => {
        if (loaded > 50_000) controller.abort(new Error("enough"));
      },
    });
    await expect(loading).rejects.toThrow("enough");
  });

  const damaged: [string, Parameters<typeof tinyLlama>[0], RegExp, string][] = [
    [
      "an unknown architecture",
      { metadata: { "general.architecture": scalar("string", "mamba") } },
      /architecture "mamba"/,
      "MODEL_UNSUPPORTED",
    ],
    [
      "a quantization without kernels",
      {
        tensors: (all) =>
          all.map((tensor) =>
            tensor.name === "blk.0.ffn_down.weight"
              ? { name: tensor.name, shape: tensor.shape, type: "Q5_0" as const }
              : tensor,
          ),
      },
      /tensor "blk.0.ffn_down.weight" is stored as Q5_0, which has no kernel here/,
      "MODEL_UNSUPPORTED",
    ],
    [
      "a missing tensor",
      { tensors: (all) => all.filter(({ name }) => name !== "blk.1.attn_k.weight") },
      /no tensor "blk.1.attn_k.weight"/,
      "GGUF_INVALID",
    ],
    [
      "a tensor of another shape",
      { metadata: { "llama.feed_forward_length": scalar("uint32", 128) } },
      /"blk.0.ffn_gate.weight" has shape \[96, 64\].*\[128, 64\]/,
      "GGUF_INVALID",
    ],
    [
      "a missing size",
      { metadata: { "llama.block_count": undefined } },
      /llama.block_count/,
      "GGUF_INVALID",
    ],
    [
      "no layers",
      { metadata: { "llama.block_count": scalar("uint32", 0) } },
      /layers is 0/,
      "GGUF_INVALID",
    ],
    [
      "heads that do not fit",
      { metadata: { "llama.attention.head_count_kv": scalar("uint32", 3) } },
      /4 heads, 3 key\/value heads/,
      "GGUF_INVALID",
    ],
    [
      "an impossible epsilon",
      { metadata: { "llama.attention.layer_norm_rms_epsilon": scalar("float32", -1) } },
      /normEpsilon is -1/,
      "GGUF_INVALID",
    ],
    [
      "a rotary scaling without implementation",
      { metadata: { "llama.rope.scaling.type": scalar("string", "yarn") } },
      /rotary scaling "yarn"/,
      "MODEL_UNSUPPORTED",
    ],
    [
      "experts",
      { metadata: { "llama.expert_count": scalar("uint32", 8) } },
      /mixes 8 experts/,
      "MODEL_UNSUPPORTED",
    ],
    [
      "an absurd number of layers",
      { metadata: { "llama.block_count": scalar("uint32", 4_000_000_000) } },
      /no tensor "blk.2/,
      "GGUF_INVALID",
    ],
  ];

  it.each(damaged)("refuses %s in one line", async (_, changes, message, code) => {
    const loading = loadModel(open(tinyLlama(changes)));
    const error = await loading.then(
      () => expect.fail("loaded"),
      (reason: unknown) => reason as XError,
    );
    expect(XError.isInstance(error)).toBe(true);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain("\n");
    expect(error.code).toBe(code);
  });

  it("refuses what is not an open file", async () => {
    await expect(loadModel("tiny.gguf" as never)).rejects.toThrow(/not an open file; use openFile/);
  });

  it("refuses an unknown device or kernels", async () => {
    await expect(loadModel(open(tinyLlama()), { device: "tpu" as "cpu" })).rejects.toThrow(/"tpu"/);
    await expect(loadModel(open(tinyLlama()), { kernels: "x" as "auto" })).rejects.toThrow(/"x"/);
  });
});
