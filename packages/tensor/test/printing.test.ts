import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createDevice,
  type Device,
  DisposedError,
  type DType,
  type FormatOptions,
  format,
  OutOfRangeError,
  requireGrad,
  tensor,
} from "../src/index";

interface TorchCase {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: number[];
  readonly values: (number | boolean | string)[];
  readonly options: {
    readonly precision?: number;
    readonly threshold?: number;
    readonly edgeitems?: number;
    readonly linewidth?: number;
    readonly sci_mode?: boolean;
  };
  readonly text: string;
}

const torchCases: TorchCase[] = JSON.parse(
  readFileSync(new URL("fixtures/torch-printing.json", import.meta.url), "utf8"),
);

/** JSON has no NaN and no infinities. */
function numberOf(value: number | boolean | string): number {
  const special: Record<string, number> = { nan: Number.NaN, inf: Infinity, "-inf": -Infinity };
  return typeof value === "string" ? special[value]! : Number(value);
}

/** PyTorch's options by our names. */
function ourOptions({
  precision,
  threshold,
  edgeitems,
  linewidth,
  sci_mode,
}: TorchCase["options"]) {
  return JSON.parse(
    JSON.stringify({
      precision,
      maxElements: threshold,
      edgeItems: edgeitems,
      lineWidth: linewidth,
      scientific: sci_mode,
    }),
  ) as FormatOptions;
}

/** Everything before shape, dtype and device. */
function elementsOf(text: string): string {
  return text
    .replace(/(,\s+(size|shape|dtype)=.*)?\)$/s, "")
    .replaceAll("True", "true")
    .replaceAll("False", "false");
}

describe("format", () => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("wasm");
  });
  afterAll(() => device.dispose());

  it.each(torchCases)("writes $name as PyTorch does", async (torch) => {
    const values = torch.values.map(numberOf);
    using shown = tensor(values, torch.shape, { device, dtype: torch.dtype });
    const text = await format(shown, ourOptions(torch.options));
    expect(elementsOf(text)).toBe(elementsOf(torch.text));
    if (Object.keys(torch.options).length === 0) expect(String(shown)).toBe(text);
  });

  it("ends with shape, dtype and device, on a line of their own where they must", async () => {
    using matrix = tensor([1, 2, 3, 4, 5, 6], [2, 3], { device });
    expect(await format(matrix)).toBe(
      "tensor([[1., 2., 3.],\n        [4., 5., 6.]], shape=[2, 3], dtype=float32, device=wasm)",
    );
    expect(await format(matrix, { lineWidth: 60 })).toBe(
      "tensor([[1., 2., 3.],\n        [4., 5., 6.]],\n       shape=[2, 3], dtype=float32, device=wasm)",
    );
    const fitting = (await format(matrix)).split("\n").at(-1)!.length;
    expect((await format(matrix, { lineWidth: fitting })).split("\n")).toHaveLength(2);
    expect((await format(matrix, { lineWidth: fitting - 1 })).split("\n")).toHaveLength(3);
    using none = tensor([], [2, 0], { device, dtype: "int32" });
    expect(await format(none)).toBe("tensor([], shape=[2, 0], dtype=int32, device=wasm)");
  });

  it("aligns whole numbers with what is not finite or has a sign alone", async () => {
    using zeros = tensor([-0, 1], [2], { device });
    expect(elementsOf(await format(zeros))).toBe("tensor([-0.,  1.]");
    using mixed = tensor(
      [
        [1, Infinity],
        [-Infinity, Number.NaN],
      ],
      { device },
    );
    expect(elementsOf(await format(mixed))).toBe("tensor([[  1.,  inf],\n        [-inf,  nan]]");
  });

  it("shows views as they are seen", async () => {
    using matrix = tensor([1, 2, 3, 4, 5, 6], [2, 3], { device });
    using columns = matrix.transpose();
    using backwards = columns.slice(0, undefined, undefined, -1);
    expect(elementsOf(`${backwards}`)).toBe(
      "tensor([[3., 6.],\n        [2., 5.],\n        [1., 4.]]",
    );
    using row = matrix.slice(0, 1, 2);
    using repeated = row.broadcastTo([2, 3]);
    expect(elementsOf(`${repeated}`)).toBe("tensor([[4., 5., 6.],\n        [4., 5., 6.]]");
  });

  it("reads only what it shows, without a kernel, and leaves nothing behind", async () => {
    using large = tensor(new Float32Array(3000), [30, 100], { device });
    using view = large.transpose();
    const before = device.memory();
    const launches: unknown[] = [];
    device.onLaunch = (record) => launches.push(record);
    const allocate = device.allocate;
    device.allocate = () => expect.fail("printing takes no memory of the device");
    try {
      expect(String(view)).toContain("...");
      expect(await format(view, { edgeItems: 1 })).toContain("...");
    } finally {
      device.allocate = allocate;
      device.onLaunch = undefined;
    }
    expect(launches).toEqual([]);
    expect(device.memory()).toEqual(before);
  });

  it("shows no elements of packed formats", async () => {
    using packed = tensor(new Uint8Array(18), [1, 32], { device, dtype: "q4_0" });
    const text = "tensor(packed, shape=[1, 32], dtype=q4_0, device=wasm)";
    expect(await format(packed)).toBe(text);
    expect(String(packed)).toBe(text);
  });

  it("leaves gradients as they are", async () => {
    using weight = requireGrad(tensor([1, 2], [2], { device }));
    expect(elementsOf(await format(weight))).toBe("tensor([1., 2.]");
    expect(weight.requiresGrad).toBe(true);
  });

  it("throws for what is gone and for options out of range", async () => {
    const gone = tensor([1], [1], { device });
    gone.dispose();
    await expect(format(gone)).rejects.toThrow(DisposedError);
    using kept = tensor([1], [1], { device });
    for (const options of [
      { precision: -1 },
      { precision: 21 },
      { precision: 1.5 },
      { edgeItems: 0 },
      { maxElements: Number.NaN },
      { lineWidth: 0 },
    ]) {
      await expect(format(kept, options)).rejects.toThrow(OutOfRangeError);
    }
  });

  it("shows all when there is no limit", async () => {
    using many = tensor(new Float32Array(1500), [1500], { device });
    const options = { maxElements: Infinity, lineWidth: Infinity, edgeItems: Infinity };
    expect((await format(many, options)).match(/0\./g)).toHaveLength(1500);
  });
});

describe("toString and console.log", () => {
  it("never throw", async () => {
    const device = await createDevice("cpu");
    const gone = tensor([1, 2], [2], { device });
    const kept = tensor([1, 2], [2], { device });
    gone.dispose();
    expect(String(gone)).toBe("tensor(disposed, shape=[2], dtype=float32, device=cpu)");
    device.dispose();
    expect(String(kept)).toBe("tensor(unreadable, shape=[2], dtype=float32, device=cpu)");
  });

  it("show the elements, or less where it is too deep", async () => {
    using device = await createDevice("cpu");
    using shown = tensor([1, 2], [2], { device });
    const text = "tensor([1., 2.], shape=[2], dtype=float32, device=cpu)";
    expect(inspect(shown)).toBe(text);
    expect(inspect({ weights: shown })).toContain(text);
    expect(inspect({ a: { b: { c: { shown } } } })).not.toContain("1.");
    expect(inspect({ a: { shown } }, { depth: 0 })).toContain("[Object]");
    expect(inspect({ shown }, { depth: 0 })).toContain("tensor(..., shape=[2], dtype=float32");
  });
});
