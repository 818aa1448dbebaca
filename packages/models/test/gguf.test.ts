import { describe, expect, it } from "vitest";
import { GgufError, ModelFileError } from "../src/errors";
import { type ByteSource, byteSourceFromBlob, byteSourceFromBuffer } from "../src/gguf/byte-source";
import { readGguf } from "../src/gguf/read-gguf";
import { array, type GgufInput, nested, scalar, writeGguf } from "../src/gguf/write-gguf";

function read(input: GgufInput) {
  return readGguf(byteSourceFromBuffer(writeGguf(input), "tiny.gguf"));
}

/** Bytes of `input` after `edit` has had its way with them. */
function edited(input: GgufInput, edit: (view: DataView, bytes: Uint8Array) => void): ByteSource {
  const bytes = writeGguf(input);
  edit(new DataView(bytes.buffer), bytes);
  return byteSourceFromBuffer(bytes, "tiny.gguf");
}

const everyType: GgufInput = {
  metadata: [
    ["u8", scalar("uint8", 200)],
    ["i8", scalar("int8", -100)],
    ["u16", scalar("uint16", 60_000)],
    ["i16", scalar("int16", -30_000)],
    ["u32", scalar("uint32", 4_000_000_000)],
    ["i32", scalar("int32", -2_000_000_000)],
    ["f32", scalar("float32", 0.5)],
    ["bool", scalar("bool", true)],
    ["string", scalar("string", "naïve 🙂 \u0000")],
    ["u64", scalar("uint64", 2n ** 53n - 1n)],
    ["i64", scalar("int64", -(2n ** 53n) + 1n)],
    ["u64.large", scalar("uint64", 2n ** 64n - 1n)],
    ["i64.large", scalar("int64", -(2n ** 63n))],
    ["f64", scalar("float64", Math.PI)],
    ["u8s", array("uint8", [1, 2, 255])],
    ["i8s", array("int8", [-1])],
    ["u16s", array("uint16", [65_535])],
    ["i16s", array("int16", [-2])],
    ["u32s", array("uint32", [2 ** 32 - 1])],
    ["i32s", array("int32", [-3, 4])],
    ["f32s", array("float32", [1.5, -2.5])],
    ["bools", array("bool", [true, false])],
    ["strings", array("string", ["", "Ġthe", "日本"])],
    ["u64s", array("uint64", [1n, 2n ** 40n])],
    ["u64s.large", array("uint64", [1n, 2n ** 60n])],
    ["i64s", array("int64", [-5n])],
    ["f64s", array("float64", [Math.E])],
    ["empty", array("float32", [])],
    ["nested", nested([array("int32", [1, 2]), array("string", ["a"]), nested([])])],
  ],
};

describe("readGguf", () => {
  it("reads every type of metadata value", async () => {
    const { metadata, version, tensors, alignment } = await read(everyType);
    expect(Object.fromEntries([...metadata.keys()].map((key) => [key, metadata.get(key)]))).toEqual(
      {
        u8: 200,
        i8: -100,
        u16: 60_000,
        i16: -30_000,
        u32: 4_000_000_000,
        i32: -2_000_000_000,
        f32: 0.5,
        bool: true,
        string: "naïve 🙂 \u0000",
        u64: Number.MAX_SAFE_INTEGER,
        i64: Number.MIN_SAFE_INTEGER,
        "u64.large": 2n ** 64n - 1n,
        "i64.large": -(2n ** 63n),
        f64: Math.PI,
        u8s: Uint8Array.of(1, 2, 255),
        i8s: Int8Array.of(-1),
        u16s: Uint16Array.of(65_535),
        i16s: Int16Array.of(-2),
        u32s: Uint32Array.of(2 ** 32 - 1),
        i32s: Int32Array.of(-3, 4),
        f32s: Float32Array.of(1.5, -2.5),
        bools: [true, false],
        strings: ["", "Ġthe", "日本"],
        u64s: Float64Array.of(1, 2 ** 40),
        "u64s.large": BigUint64Array.of(1n, 2n ** 60n),
        i64s: Float64Array.of(-5),
        f64s: Float64Array.of(Math.E),
        empty: new Float32Array(0),
        nested: [Int32Array.of(1, 2), ["a"], []],
      },
    );
    expect([version, tensors.size, alignment]).toEqual([3, 0, 32]);
  });

  it.each([32, 8, 4096])("places tensors at an alignment of %d", async (alignment) => {
    const embedding = Float32Array.from({ length: 12 }, (_, index) => index / 4);
    const input: GgufInput = {
      alignment,
      tensors: [
        { name: "token_embd.weight", shape: [4, 3], type: "F32", data: embedding },
        { name: "blk.0.attn_q.weight", shape: [2, 3, 5, 64], type: "Q4_1" },
        { name: "blk.0.ffn_up.weight", shape: [256], type: "Q6_K" },
        { name: "scale", shape: [], type: "BF16", data: Uint8Array.of(1, 2) },
      ],
    };
    const bytes = writeGguf(input);
    const file = await readGguf(byteSourceFromBuffer(bytes));
    expect(file.alignment).toBe(alignment);
    const infos = [...file.tensors.values()];
    expect(
      infos.map(({ name, shape, type, byteLength }) => [name, shape, type, byteLength]),
    ).toEqual([
      ["token_embd.weight", [4, 3], "F32", 48],
      ["blk.0.attn_q.weight", [2, 3, 5, 64], "Q4_1", 30 * 2 * 20],
      ["blk.0.ffn_up.weight", [256], "Q6_K", 210],
      ["scale", [], "BF16", 2],
    ]);
    for (const { offset } of infos) {
      expect(offset % alignment).toBe(0);
    }
    const { offset, byteLength } = file.tensors.get("token_embd.weight")!;
    expect(new Float32Array(bytes.buffer, offset, byteLength / 4)).toEqual(embedding);
    const scale = file.tensors.get("scale")!;
    expect([...bytes.subarray(scale.offset)]).toEqual([1, 2]);
  });

  it("reads version 2 and leaves the source open", async () => {
    const source = byteSourceFromBuffer(writeGguf({ ...everyType, version: 2 }));
    const file = await readGguf(source);
    expect(file.version).toBe(2);
    expect(file.source).toBe(source);
  });

  it("reads a header larger than its window, in few and bounded reads", async () => {
    const tokens = Array.from({ length: 30_000 }, (_, index) => `token ${index} ${"x".repeat(40)}`);
    const long = "y".repeat(3_000_000);
    const bytes = writeGguf({
      metadata: [
        ["tokens", array("string", tokens)],
        ["scores", array("float32", tokens.keys())],
        ["long", scalar("string", long)],
        ["last", scalar("bool", true)],
      ],
      tensors: [{ name: "data", shape: [1_000_000], type: "F32" }],
    });
    const inner = byteSourceFromBlob(new Blob([bytes as BlobPart]));
    const reads: number[] = [];
    const source: ByteSource = {
      ...inner,
      read: (offset, target, signal) => {
        reads.push(target.byteLength);
        return inner.read(offset, target, signal);
      },
    };
    const { metadata, tensors } = await readGguf(source);
    expect(metadata.getStringArray("tokens")).toEqual(tokens);
    expect(metadata.getNumberArray("scores")[29_999]).toBe(29_999);
    expect(metadata.getString("long")).toBe(long);
    expect(metadata.getBoolean("last")).toBe(true);
    expect(tensors.get("data")!.byteLength).toBe(4_000_000);
    expect(reads.length).toBeLessThan(15);
    expect(Math.max(...reads)).toBeLessThanOrEqual(3_000_000);
    const total = reads.reduce((sum, length) => sum + length);
    expect(total).toBeLessThan(bytes.byteLength - 4_000_000 + 1024 * 1024);
  });

  it("gives up with the reason of the signal", async () => {
    const reason = new Error("no longer wanted");
    const source = byteSourceFromBuffer(writeGguf(everyType));
    await expect(readGguf(source, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("gives up between reads of a source that does not look at the signal", async () => {
    const controller = new AbortController();
    const inner = byteSourceFromBuffer(
      writeGguf({ metadata: [["long", scalar("string", "x".repeat(200_000))]] }),
    );
    let reads = 0;
    const source: ByteSource = {
      ...inner,
      read: (offset, target) => {
        reads += 1;
        controller.abort(new Error("no longer wanted"));
        return inner.read(offset, target);
      },
    };
    const reading = readGguf(source, { signal: controller.signal });
    await expect(reading).rejects.toThrow("no longer wanted");
    expect(reads).toBe(1);
  });

  it("reads strings that its window cuts at any byte", async () => {
    const tokens = Array.from({ length: 12 }, (_, index) => `token ${index} é`);
    for (let shift = 0; shift < 120; shift += 1) {
      const padding = "x".repeat(65_536 - 190 + shift);
      const bytes = writeGguf({
        metadata: [
          ["padding", scalar("string", padding)],
          ["tokens", array("string", tokens)],
          ["numbers", array("int16", [1, 2, 3])],
        ],
      });
      const { metadata } = await readGguf(byteSourceFromBuffer(bytes));
      expect(metadata.getStringArray("tokens"), `shift ${shift}`).toEqual(tokens);
      expect(metadata.getNumberArray("numbers")).toEqual(Int16Array.of(1, 2, 3));
    }
  });

  it("passes on the error of the source", async () => {
    const source: ByteSource = {
      ...byteSourceFromBuffer(writeGguf(everyType)),
      read: async () => {
        throw new ModelFileError("the disk is gone");
      },
    };
    await expect(readGguf(source)).rejects.toThrow(ModelFileError);
  });
});

describe("readGguf rejects", () => {
  const oneNumber: GgufInput = { metadata: [["n", scalar("uint32", 7)]] };
  const oneTensor: GgufInput = { tensors: [{ name: "t", shape: [2, 32], type: "Q8_0" }] };
  // Byte positions in `oneTensor`: 24 name length, 32 name, 33 rank, 37 sizes, 53 type, 57 offset.

  it.each<[string, ByteSource, RegExp]>([
    [
      "an empty file",
      byteSourceFromBuffer(new Uint8Array(0)),
      /"magic" at offset 0 needs 4 bytes, 0 are left of 0/,
    ],
    [
      "another format",
      byteSourceFromBuffer(new TextEncoder().encode("PK\u0003\u0004 and so on")),
      /starts with 0x04034b50, not with "GGUF"/,
    ],
    [
      "version 1",
      byteSourceFromBuffer(writeGguf({ version: 1 })),
      /version is 1, 2 and 3 are supported/,
    ],
    ["version 4", byteSourceFromBuffer(writeGguf({ version: 4 })), /version is 4, 2 and 3/],
    [
      "a big-endian file",
      byteSourceFromBuffer(writeGguf({ version: 0x03000000 })),
      /big-endian; convert it/,
    ],
    [
      "a tensor count that the file cannot hold",
      edited(oneNumber, (view) => view.setBigUint64(8, 2n ** 52n, true)),
      /"tensor_count" at offset \d+ is 4503599627370496, which takes \d+ bytes or more, 0 are left/,
    ],
    [
      "a pair count that the file cannot hold",
      edited(oneNumber, (view) => view.setBigUint64(16, 1000n, true)),
      /"metadata_kv_count" at offset 24 is 1000, which takes 13000 bytes/,
    ],
    [
      "a count beyond 2^53",
      edited(oneNumber, (view) => view.setBigUint64(8, 2n ** 63n, true)),
      /"tensor_count" at offset 8 is 9223372036854775808, beyond 2\^53/,
    ],
    [
      "a key longer than the file",
      edited(oneNumber, (view) => view.setBigUint64(24, 60_000n, true)),
      /"metadata_kv.key"\[0\] at offset 32 needs 60000 bytes, 9 are left of 41/,
    ],
    [
      "a key longer than any key",
      edited(oneNumber, (view) => view.setBigUint64(24, 65_536n, true)),
      /length of 65536 bytes, at most 65535/,
    ],
    [
      "text that is not UTF-8",
      edited({ metadata: [["s", scalar("string", "é")]] }, (_, bytes) => bytes.fill(0xff, -1)),
      /"s" at offset \d+ is not valid UTF-8/,
    ],
    [
      "an unknown value type",
      edited(oneNumber, (view) => view.setUint32(33, 13, true)),
      /"n" at offset 37 has the value type 13, known are 0 to 12/,
    ],
    [
      "an unknown element type",
      edited({ metadata: [["a", array("uint8", [1])]] }, (view) => view.setUint32(37, 99, true)),
      /"a" at offset 41 has the value type 99/,
    ],
    [
      "a boolean of 2",
      edited({ metadata: [["b", scalar("bool", true)]] }, (_, bytes) => bytes.fill(2, -1)),
      /"b" at offset \d+ is 2, a boolean is 0 or 1/,
    ],
    [
      "an array longer than the file",
      edited({ metadata: [["a", array("float64", [1])]] }, (view) =>
        view.setBigUint64(41, 2n ** 40n, true),
      ),
      /"a" at offset 49 is 1099511627776, which takes 8796093022208 bytes or more, 8 are left/,
    ],
    [
      "an array of strings longer than the file",
      edited({ metadata: [["a", array("string", ["x"])]] }, (view) =>
        view.setBigUint64(41, 2n, true),
      ),
      /"a" at offset 49 is 2, which takes 16 bytes or more, 9 are left/,
    ],
    [
      "arrays nested without end",
      byteSourceFromBuffer(
        writeGguf({ metadata: [["a", nested([nested([nested([nested([nested([])])])])])]] }),
      ),
      /"a".* nests arrays more than 4 deep/,
    ],
    [
      "a key twice",
      byteSourceFromBuffer(
        writeGguf({
          metadata: [
            ["k", scalar("bool", true)],
            ["k", scalar("bool", true)],
          ],
        }),
      ),
      /"k" at offset \d+ is there twice/,
    ],
    [
      "a tensor twice",
      byteSourceFromBuffer(
        writeGguf({
          tensors: [
            { name: "t", shape: [1], type: "F32" },
            { name: "t", shape: [1], type: "F32" },
          ],
        }),
      ),
      /"t" at offset \d+ is there twice/,
    ],
    [
      "five dimensions",
      byteSourceFromBuffer(
        writeGguf({ tensors: [{ name: "t", shape: [1, 1, 1, 1, 1], type: "F32" }] }),
      ),
      /"t" at offset 37 has 5 dimensions, at most 4/,
    ],
    [
      "more than 2^53 elements",
      edited(oneTensor, (view) => view.setBigUint64(45, 2n ** 50n, true)),
      /"t" at offset 53 has the shape \[1125899906842624,32\], of 0 or more than 2\^53/,
    ],
    [
      "a dimension of 0",
      edited(oneTensor, (view) => view.setBigUint64(45, 0n, true)),
      /"t" at offset 53 has the shape \[0,32\]/,
    ],
    [
      "a type that ggml has removed",
      edited(oneTensor, (view) => view.setUint32(53, 4, true)),
      /"t" at offset 57 has the tensor type 4, which is unknown/,
    ],
    [
      "rows that blocks do not divide",
      edited(oneTensor, (view) => view.setBigUint64(37, 48n, true)),
      /"t" at offset 57 has rows of 48 elements, Q8_0 packs 32 to a block/,
    ],
    [
      "misaligned data",
      edited(oneTensor, (view) => view.setBigUint64(57, 8n, true)),
      /"t" has the data offset 8, not a multiple of the alignment 32/,
    ],
    [
      "data past the end",
      edited(oneTensor, (view) => view.setBigUint64(57, 2n ** 52n, true)),
      /"t" takes 68 bytes at offset 4503599627370592, past the file's 164/,
    ],
    [
      "data that the file cuts off",
      byteSourceFromBuffer(writeGguf(oneTensor).subarray(0, -1)),
      /"t" takes 68 bytes at offset 96, past the file's 163; the file is truncated/,
    ],
    ...[0, 1, 4, 24, 33].map((alignment): [string, ByteSource, RegExp] => [
      `an alignment of ${alignment}`,
      byteSourceFromBuffer(
        writeGguf({ metadata: [["general.alignment", scalar("uint32", alignment)]] }),
      ),
      new RegExp(`"general.alignment" is ${alignment}, it must be a power of two from 8`),
    ]),
    [
      "an alignment that is no number",
      byteSourceFromBuffer(
        writeGguf({ metadata: [["general.alignment", scalar("string", "32")]] }),
      ),
      /"general.alignment" holds the string "32", not a number/,
    ],
  ])("%s", async (_, source, message) => {
    const error = await readGguf(source).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(GgufError);
    expect((error as GgufError).message).toMatch(message);
    expect((error as GgufError).message).not.toContain("\n");
    expect((error as GgufError).message.startsWith(`${source.name}: `)).toBe(true);
  });

  it("cuts a hostile name short in its message", async () => {
    const name = "evil\n".repeat(10_000);
    const bytes = writeGguf({ tensors: [{ name, shape: [1, 1, 1, 1, 1], type: "F32" }] });
    const error = await readGguf(byteSourceFromBuffer(bytes)).catch((reason: unknown) => reason);
    expect((error as GgufError).message.length).toBeLessThan(300);
    expect((error as GgufError).message).not.toContain("\n");
  });
});
