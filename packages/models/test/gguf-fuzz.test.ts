import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GgufError } from "../src/errors";
import { type ByteSource, byteSourceFromBuffer } from "../src/gguf/byte-source";
import { readGguf } from "../src/gguf/read-gguf";
import { array, nested, scalar, writeGguf } from "../src/gguf/write-gguf";

const bytes = writeGguf({
  metadata: [
    ["general.architecture", scalar("string", "llama")],
    ["general.alignment", scalar("uint32", 32)],
    ["llama.block_count", scalar("uint64", 2)],
    ["tokenizer.ggml.tokens", array("string", ["<s>", "a", "日"])],
    ["tokenizer.ggml.token_type", array("int32", [3, 1, 1])],
    ["flags", array("bool", [true, false])],
    ["nested", nested([array("float64", [1])])],
  ],
  tensors: [
    { name: "token_embd.weight", shape: [3, 4], type: "F32" },
    { name: "blk.0.attn_q.weight", shape: [2, 32], type: "Q4_1" },
  ],
});

/** A source that fails the test when it is asked for more than the file could need. */
function strictSource(content: Uint8Array): ByteSource {
  const inner = byteSourceFromBuffer(content, "fuzzed.gguf");
  return {
    ...inner,
    read: (offset, target, signal) => {
      expect(offset + target.byteLength).toBeLessThanOrEqual(content.byteLength);
      return inner.read(offset, target, signal);
    },
  };
}

async function outcome(content: Uint8Array): Promise<"read" | "rejected"> {
  try {
    await readGguf(strictSource(content));
    return "read";
  } catch (error) {
    expect(error).toBeInstanceOf(GgufError);
    expect((error as GgufError).message).not.toContain("\n");
    return "rejected";
  }
}

describe("readGguf with damaged files", { timeout: 60_000 }, () => {
  it("rejects the file cut at every byte", async () => {
    expect(await outcome(bytes)).toBe("read");
    for (let length = 0; length < bytes.byteLength; length += 1) {
      expect(await outcome(bytes.slice(0, length)), `cut to ${length} bytes`).toBe("rejected");
    }
  });

  it("reads or rejects the file with any byte set to 0, 1, 0x7f, 0x80 or 0xff", async () => {
    for (let position = 0; position < bytes.byteLength; position += 1) {
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        const damaged = bytes.slice();
        damaged[position] = value;
        await outcome(damaged);
      }
    }
  });

  it("reads or rejects the file with bytes overwritten at random, and allocates little", async () => {
    const edits = fc.array(
      fc.record({
        position: fc.nat(bytes.byteLength - 1),
        patch: fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 8 }),
          fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => {
            return new Uint8Array(BigUint64Array.of(value).buffer);
          }),
        ),
      }),
      { minLength: 1, maxLength: 4 },
    );
    let largest = 0;
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        const damaged = bytes.slice();
        for (const { position, patch } of changes) {
          damaged.set(patch.subarray(0, damaged.byteLength - position), position);
        }
        const before = process.memoryUsage().arrayBuffers;
        await outcome(damaged);
        largest = Math.max(largest, process.memoryUsage().arrayBuffers - before);
      }),
      { numRuns: 2000, seed: 20_240_817 },
    );
    expect(largest).toBeLessThan(1024 * 1024);
  });

  it("reads or rejects random bytes behind a good start", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (tail) => {
        const content = new Uint8Array(8 + tail.byteLength);
        content.set(bytes.subarray(0, 8));
        content.set(tail, 8);
        await outcome(content);
      }),
      { numRuns: 500, seed: 7 },
    );
  });
});
