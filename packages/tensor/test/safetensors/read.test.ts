import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createDevice,
  type Device,
  DTypeError,
  init,
  OutOfRangeError,
  openSafetensors,
  SafetensorsError,
  type SafetensorsFile,
} from "../../src/index";
import { fileOf, fixtureBytes, watchedSource } from "./support";

interface Expected {
  readonly shape: number[];
  readonly values: (number | boolean | string)[];
}

const expected: Record<string, Expected> = JSON.parse(
  new TextDecoder().decode(fixtureBytes("torch-dtypes.json")),
);
const bytes = fixtureBytes("torch-dtypes.safetensors");

/** JSON has no NaN and no infinities. */
function numbersOf({ values }: Expected): number[] {
  const special: Record<string, number> = { nan: Number.NaN, inf: Infinity, "-inf": -Infinity };
  return values.map((value) => (typeof value === "string" ? special[value]! : Number(value)));
}

/** The value of a 16-bit pattern with a 5-bit exponent, by the definition of IEEE 754. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

describe("a file that PyTorch wrote", () => {
  let device: Device;
  let file: SafetensorsFile;
  beforeAll(async () => {
    device = await createDevice("wasm");
    file = await openSafetensors(bytes);
  });
  afterAll(() => device.dispose());

  it("tells names, shapes and metadata", () => {
    expect([...file.names].sort()).toEqual(Object.keys(expected).sort());
    expect([...file.metadata]).toEqual([["format", "pt"]]);
    for (const [name, { shape }] of Object.entries(expected)) {
      expect(file.entry(name).shape).toEqual(shape);
      expect(file.has(name)).toBe(true);
    }
    expect(file.entry("float8").dtype).toBe("F8_E4M3");
    expect(file.has("constructor")).toBe(false);
  });

  const dtypes = {
    float32: "float32",
    "float64 exact": "float32",
    int64: "int32",
    int32: "int32",
    int16: "int32",
    int8: "int32",
    uint8: "int32",
    uint16: "int32",
    uint32: "int32",
    uint64: "int32",
    bool: "bool",
    scalar: "float32",
    empty: "float32",
    "größe 🙂": "float32",
  };
  it.each(Object.entries(dtypes))("reads %s exactly, as %s", async (name, dtype) => {
    using tensor = await file.read(name, { device });
    expect(tensor.dtype).toBe(dtype);
    expect(tensor.shape).toEqual(expected[name]!.shape);
    const values = [...(await tensor.data())];
    const wanted = numbersOf(expected[name]!);
    expect(values.length).toBe(wanted.length);
    expect(values.filter((value, index) => !Object.is(value, wanted[index]))).toEqual([]);
  });

  it("reads float16 as it is", async () => {
    using tensor = await file.read("float16", { device });
    expect(tensor.dtype).toBe("float16");
    const values = [...(await tensor.data())].map(halfToNumber);
    expect(values).toEqual(numbersOf(expected.float16!).map(Math.fround));
  });

  it("reads bfloat16 as it is: the upper half of a float32", async () => {
    using tensor = await file.read("bfloat16", { device });
    expect(tensor.dtype).toBe("bfloat16");
    const bits = Uint32Array.from(await tensor.data(), (half) => half * 2 ** 16);
    const values = [...new Float32Array(bits.buffer)];
    expect(values).toEqual(numbersOf(expected.bfloat16!).map(Math.fround));
  });

  it("refuses what does not fit, unless rounding is allowed", async () => {
    await expect(file.read("float64 inexact", { device })).rejects.toThrow(OutOfRangeError);
    await expect(file.read("float64 inexact", { device })).rejects.toThrow(
      /element 0, 0\.1, .* allowRounding/,
    );
    using rounded = await file.read("float64 inexact", { device, allowRounding: true });
    expect(rounded.dataSync()).toEqual(Float32Array.of(0.1, 1));
    await expect(file.read("int64 wide", { device })).rejects.toThrow(/element 0, 2147483648,/);
    await expect(file.read("uint32 wide", { device })).rejects.toThrow(/element 0, 4294967295,/);
    const high = fileOf(
      '{"a":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}}',
      [0, 0, 0, 128, 0, 0, 0, 0],
    );
    await expect((await openSafetensors(high)).read("a", { device })).rejects.toThrow(
      /element 0, 2147483648,/,
    );
    const negative = fileOf(
      '{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}',
      [0, 0, 0, 0, 255, 255, 255, 255],
    );
    await expect((await openSafetensors(negative)).read("a", { device })).rejects.toThrow(
      /element 0, -4294967296,/,
    );
    const truth = fileOf('{"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}', [1, 2]);
    await expect((await openSafetensors(truth)).read("a", { device })).rejects.toThrow(
      /element 1, 2, is not 0 or 1/,
    );
  });

  it.each(["float8", "complex"])("gives %s as bytes", async (name) => {
    await expect(file.read(name, { device })).rejects.toThrow(DTypeError);
    const { byteOffset, byteLength } = file.entry(name);
    const raw = await file.readBytes(name);
    expect(raw).toEqual(bytes.slice(byteOffset, byteOffset + byteLength));
  });

  it("says which names there are", () => {
    expect(() => file.entry("weight")).toThrow(SafetensorsError);
    expect(() => file.entry("weight")).toThrow(/no tensor "weight"; it has .* and 16 more/);
  });

  it("puts tensors on the default device", async () => {
    await expect(file.read("int32")).rejects.toThrow(/call init\(\) first/);
    const { default: cpu } = await init({ devices: ["cpu"] });
    using tensor = await file.read("int32");
    expect(tensor.device).toBe(cpu);
    using named = await file.read("int32", { device: "cpu" });
    expect(named.device).toBe(cpu);
    cpu.dispose();
  });

  it("keeps no tensor behind", () => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
  });
});

describe("reading by name", () => {
  it("reads the header, then only the bytes of the tensor", async () => {
    using device = await createDevice("cpu");
    const source = watchedSource(bytes);
    const file = await openSafetensors(source);
    const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(source.reads).toEqual([
      [0, 8],
      [8, headerBytes],
    ]);
    using tensor = await file.read("int16", { device });
    expect(tensor.size).toBe(2);
    expect(source.reads.slice(2)).toEqual([[file.entry("int16").byteOffset, 4]]);
  });

  it("takes bytes, buffers, blobs and files at any offset", async () => {
    using device = await createDevice("cpu");
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    const sources = [bytes.buffer, shifted.subarray(3), new Blob([bytes]), new File([bytes], "f")];
    for (const source of sources) {
      const file = await openSafetensors(source);
      using tensor = await file.read("int32", { device });
      expect([...tensor.dataSync()]).toEqual(expected.int32!.values);
    }
  });

  it("gives up when told to", async () => {
    using device = await createDevice("cpu");
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await expect(openSafetensors(bytes, { signal })).rejects.toBe(reason);
    const file = await openSafetensors(bytes);
    await expect(file.read("int32", { device, signal })).rejects.toBe(reason);
    await expect(file.readBytes("int32", { signal })).rejects.toBe(reason);
    expect(device.memory().tensors).toBe(0);
  });

  it("makes no tensor on a disposed device", async () => {
    const device = await createDevice("cpu");
    const source = watchedSource(bytes);
    const file = await openSafetensors(source);
    device.dispose();
    source.reads.length = 0;
    await expect(file.read("int32", { device })).rejects.toThrow(/disposed/);
    expect(source.reads).toEqual([]);
  });
});
