import { createDevice, type Device, normal, sum, type Tensor, tidy, valueAndGrad } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gatedDeltaRule, gatedLinearAttention, linearAttention, lshAttention } from "../src/index";

const lengths = [512, 1024, 2048, 4096];

describe("peak memory grows at most linearly with the tokens", () => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("wasm");
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    device.dispose();
  });

  /** Most bytes held at once above those of the operands. */
  const peakBytes = (run: () => unknown) => {
    const before = device.memory().bytes;
    let peak = 0;
    device.onLaunch = () => {
      peak = Math.max(peak, device.memory().bytes - before);
    };
    tidy(() => void run());
    device.onLaunch = undefined;
    return peak;
  };
  /** Of ln bytes over ln tokens, from the first length to the last. */
  const slopeOf = (run: (x: Tensor) => unknown) => {
    const bytes = lengths.map((length) => {
      using x = normal([1, length, 1, 16], { device, seed: 1 });
      return peakBytes(() => run(x));
    });
    return Math.log(bytes.at(-1)! / bytes[0]!) / Math.log(lengths.at(-1)! / lengths[0]!);
  };
  const gatesOf = (x: Tensor) => normal(x.shape.slice(0, 3), { device, seed: 2, deviation: 1e-3 });

  const cases: [string, (x: Tensor) => Tensor][] = [
    ["linear, recurrent", (x) => linearAttention(x, x, x, { form: "recurrent" }).output],
    ["linear, chunked", (x) => linearAttention(x, x, x, { form: "chunked" }).output],
    ["gated linear, chunked", (x) => gatedLinearAttention(x, x, x, x, { form: "chunked" }).output],
    [
      "gated delta rule, chunked",
      (x) => gatedDeltaRule(x, x, x, gatesOf(x), gatesOf(x), { form: "chunked" }).output,
    ],
    ["LSH", (x) => lshAttention(x, x, { rounds: 2, bucketSize: 32, seed: 1 })],
  ];

  it.each(cases)("%s", (_, run) => {
    expect(slopeOf(run)).toBeLessThan(1.03);
  });

  it.each(cases)("with its gradient: %s", (_, run) => {
    const withGradient = (x: Tensor) => valueAndGrad((own: Tensor) => sum(run(own)))(x);
    expect(slopeOf(withGradient)).toBeLessThan(1.03);
  });

  it("but for the parallel form, which holds all scores", () => {
    expect(slopeOf((x) => linearAttention(x, x, x, { form: "parallel" }).output)).toBeGreaterThan(
      1.7,
    );
  });
});
