import { afterAll, beforeAll, expect, it } from "vitest";
import {
  argmax,
  type Device,
  type DType,
  embedding,
  linear,
  matmul,
  rmsNorm,
  rotaryEmbedding,
  silu,
  softmax,
  type Tensor,
  tensor,
  tidy,
  topK,
} from "../../src/index";
import { expectAllClose, type Tolerance } from "../support/all-close";
import { type DeviceCase, describeOn } from "../support/devices";
import type { FixtureFile } from "../support/parse-safetensors";
import { valuesOf } from "../support/values-of";

/** Fixtures that other libraries made. */
export interface OracleFixtures {
  readonly torch: FixtureFile;
  readonly gguf: FixtureFile;
}

/** Compares operations on `deviceCase` with what PyTorch and gguf-py gave. */
export function oracleSuite(deviceCase: DeviceCase, { torch, gguf }: OracleFixtures): void {
  const parameters = JSON.parse(torch.metadata.parameters!);
  describeOn(deviceCase, "results of PyTorch and gguf-py", ({ create }) => {
    let device: Device;
    beforeAll(async () => {
      device = await create();
    });
    afterAll(() => {
      expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
      device.dispose();
    });

    const given = (name: string): Tensor => {
      const { values, shape } = torch.tensor(name);
      const dtype: DType = values instanceof Int32Array ? "int32" : "float32";
      return tensor(values, shape, { device, dtype });
    };
    const expectResult = async (compute: () => Tensor, name: string, tolerance: Tolerance) => {
      using result = tidy(compute);
      expect(result.shape).toEqual(torch.tensor(name).shape);
      expectAllClose(await result.data(), torch.tensor(name).values, tolerance);
    };
    const close = { absolute: 1e-6, relative: 1e-5 };
    const { "rms_norm.epsilon": epsilon, "rotary.theta": base } = parameters;

    const cases: [string, () => Promise<void>][] = [
      [
        "rmsNorm",
        () =>
          expectResult(
            () => rmsNorm(given("rms_norm.x"), given("rms_norm.weight"), { epsilon }),
            "rms_norm.output",
            close,
          ),
      ],
      [
        "rmsNorm of tiny values",
        () =>
          expectResult(
            () => rmsNorm(given("rms_norm_tiny.x"), given("rms_norm_tiny.weight"), { epsilon }),
            "rms_norm_tiny.output",
            { absolute: 1e-9, relative: 1e-5 },
          ),
      ],
      ["silu", () => expectResult(() => silu(given("silu.x")), "silu.output", close)],
      [
        "silu far from 0",
        () => expectResult(() => silu(given("silu_extreme.x")), "silu_extreme.output", close),
      ],
      ["softmax", () => expectResult(() => softmax(given("softmax.x")), "softmax.output", close)],
      [
        "softmax of equals",
        () => expectResult(() => softmax(given("softmax_equal.x")), "softmax_equal.output", close),
      ],
      [
        "softmax of large values",
        () => expectResult(() => softmax(given("softmax_large.x")), "softmax_large.output", close),
      ],
      [
        "softmax with a mask",
        () =>
          expectResult(() => softmax(given("softmax_masked.x")), "softmax_masked.output", close),
      ],
      [
        "matmul",
        () =>
          expectResult(() => matmul(given("matmul.a"), given("matmul.b")), "matmul.output", {
            absolute: 1e-5,
          }),
      ],
      [
        "matmul in batches",
        () =>
          expectResult(
            () => matmul(given("matmul_batched.a"), given("matmul_batched.b")),
            "matmul_batched.output",
            { absolute: 1e-5 },
          ),
      ],
      [
        "embedding",
        () =>
          expectResult(
            () => embedding(given("embedding.table"), given("embedding.ids")),
            "embedding.output",
            {},
          ),
      ],
      [
        "argmax with ties",
        () => expectResult(() => argmax(given("argmax_ties.x")), "argmax_ties.output", {}),
      ],
      ["topK values", () => expectResult(() => topK(given("topk.x"), 8).values, "topk.values", {})],
      [
        "topK indices",
        () => expectResult(() => topK(given("topk.x"), 8).indices, "topk.indices", {}),
      ],
    ];
    it.each(cases)("%s", (_, check) => check());

    it.each([true, false])("rotaryEmbedding, interleaved: %s", async (interleaved) => {
      const half = 8;
      const limit = Math.max(...torch.tensor("rotary.positions").values) + 1;
      const table = (f: (angle: number) => number) =>
        tensor(
          Float32Array.from({ length: limit * half }, (_, i) =>
            f(Math.floor(i / half) * base ** (-(i % half) / half)),
          ),
          [limit, half],
          { device },
        );
      const compute = () =>
        rotaryEmbedding(
          given("rotary.x"),
          table(Math.cos),
          table(Math.sin),
          given("rotary.positions"),
          { interleaved },
        );
      await expectResult(compute, interleaved ? "rotary.interleaved" : "rotary.half", close);
    });

    it.each(["Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"])(
      "blocks of %s, adversarial ones included",
      async (name) => {
        const dtype = name.toLowerCase() as DType;
        const blocks = gguf.tensor(`${name}.blocks`);
        const { values } = gguf.tensor(`${name}.values`);
        const rows = blocks.shape[0]!;
        const width = values.length / rows;
        using weight = tensor(blocks.values, [rows, width], { device, dtype });
        using ids = tensor(
          Int32Array.from({ length: rows }, (_, i) => i),
          [rows],
          {
            device,
            dtype: "int32",
          },
        );
        // A minimum plus a product rounds once more than gguf-py does, by half an ulp of either.
        const scale = Math.max(...values.map(Math.abs));
        expectAllClose(await valuesOf(() => embedding(weight, ids)), values, {
          absolute: /1|k$/.test(dtype) ? scale * 2 ** -23 : 0,
          relative: 1e-6,
        });
        // The product with unit vectors reads each weight out again.
        const identity = new Float32Array(width * width);
        for (let i = 0; i < width; i++) identity[i * width + i] = 1;
        const columns = await valuesOf(() =>
          linear(tensor(identity, [width, width], { device }), weight).transpose(),
        );
        expectAllClose(columns, values, { absolute: scale * 1e-5, relative: 1e-5 });
      },
    );
  });
}
