import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  Adam,
  AdamW,
  backward,
  clearGradients,
  clipByGlobalNorm,
  clipByValue,
  type Device,
  mul,
  type Optimizer,
  type Parameters,
  RAdam,
  RMSProp,
  requireGrad,
  SGD,
  sum,
  type Tensor,
  tensor,
  tidy,
  warmupCosine,
  zeros,
} from "../src/index";
import { expectAllClose } from "./support/all-close";
import { hostCases } from "./support/devices";
import { readFixture } from "./support/read-fixture";

const torch = readFixture("torch-tensor");
const steps = 50;

const makers: Readonly<Record<string, (parameters: Parameters) => Optimizer>> = {
  sgd: (p) => new SGD(p, { learningRate: 0.1 }),
  sgdMomentum: (p) => new SGD(p, { learningRate: 0.1, momentum: 0.9 }),
  sgdDampening: (p) => new SGD(p, { learningRate: 0.1, momentum: 0.9, dampening: 0.3 }),
  sgdNesterov: (p) =>
    new SGD(p, { learningRate: 0.1, momentum: 0.8, nesterov: true, weightDecay: 0.05 }),
  rmsprop: (p) => new RMSProp(p, { learningRate: 0.01 }),
  rmspropCentered: (p) =>
    new RMSProp(p, {
      learningRate: 0.01,
      alpha: 0.9,
      momentum: 0.7,
      centered: true,
      weightDecay: 0.02,
    }),
  adam: (p) => new Adam(p, { learningRate: 0.02 }),
  adamDecay: (p) =>
    new Adam(p, { learningRate: 0.02, betas: [0.8, 0.95], epsilon: 1e-6, weightDecay: 0.1 }),
  adamw: (p) => new AdamW(p, { learningRate: 0.02, weightDecay: 0.1 }),
  radam: (p) => new RAdam(p, { learningRate: 0.02, weightDecay: 0.05 }),
  radamSlow: (p) => new RAdam(p, { learningRate: 0.02, betas: [0.9, 0.9] }),
};

describe.each(hostCases)("optimizers on $label", ({ create }) => {
  let device: Device;
  beforeAll(async () => {
    device = await create();
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
    device.dispose();
  });

  const start = () => tensor(torch.tensor("optimizer.start").values, [6], { device });
  const gradientOfStep = (step: number): Tensor =>
    tensor(torch.tensor("optimizer.gradient").values.slice(step * 6, step * 6 + 6), [6], {
      device,
    });

  it.each(Object.keys(makers))("%s goes where PyTorch goes, for 50 steps", (name) => {
    using parameter = start();
    using optimizer = makers[name]!({ parameter });
    const expected = torch.tensor(`optimizer.${name}`).values;
    for (let step = 0; step < steps; step++) {
      using gradient = gradientOfStep(step);
      optimizer.step({ parameter: gradient });
      expectAllClose(parameter.dataSync(), expected.slice(step * 6, step * 6 + 6), {
        absolute: 2e-5,
        relative: 2e-5,
      });
    }
  });

  it.each(Object.keys(makers))("%s resumes from its state exactly", (name) => {
    using parameter = start();
    using whole = makers[name]!({ parameter });
    for (let step = 0; step < 10; step++) {
      using gradient = gradientOfStep(step);
      whole.step({ parameter: gradient });
    }
    using copy = tensor(parameter.dataSync(), [6], { device });
    using resumed = makers[name]!({ parameter: copy });
    const state = whole.state();
    resumed.restore(state);
    for (const saved of Object.values(state.tensors)) saved.dispose();
    for (let step = 10; step < 13; step++) {
      using gradient = gradientOfStep(step);
      whole.step({ parameter: gradient });
      resumed.step({ parameter: gradient });
    }
    expect([...copy.dataSync()]).toEqual([...parameter.dataSync()]);
    expect(resumed.stepCount).toBe(13);
  });

  it("takes the gradients that backward collected", () => {
    using parameter = requireGrad(tensor([1, 2], [2], { device }));
    using optimizer = new SGD({ parameter }, { learningRate: 0.5 });
    tidy(() => backward(sum(mul(parameter, tensor([2, 4], [2], { device })))));
    optimizer.step();
    clearGradients([parameter]);
    expect([...parameter.dataSync()]).toEqual([0, 0]);
    expect(() => optimizer.step()).toThrow(/parameter parameter has no gradient/);
  });

  it("follows a schedule", () => {
    using parameter = tensor([0], [1], { device });
    using gradient = tensor([-1], [1], { device });
    const learningRate = warmupCosine({ peak: 1, warmupSteps: 2, totalSteps: 6, minimum: 0.2 });
    using optimizer = new SGD({ parameter }, { learningRate });
    let expected = 0;
    for (const rate of [
      0.5,
      1,
      1,
      0.2 + 0.4 * (1 + Math.SQRT1_2),
      0.6,
      0.2 + 0.4 * (1 - Math.SQRT1_2),
      0.2,
      0.2,
    ]) {
      expect(optimizer.learningRate).toBeCloseTo(rate, 12);
      optimizer.step({ parameter: gradient });
      expected += rate;
    }
    expectAllClose(parameter.dataSync(), [expected], { relative: 1e-6 });
  });

  it("clips by the global norm as PyTorch does, and by value", () => {
    tidy(() => {
      const stored = (name: string) => {
        const { values, shape } = torch.tensor(name);
        return tensor(values, shape, { device });
      };
      const given = { a: stored("clipping.input.0"), b: stored("clipping.input.1") };
      const { gradients, norm } = clipByGlobalNorm(given, 1.25);
      const close = { absolute: 1e-6, relative: 1e-5 };
      expectAllClose(norm.dataSync(), torch.tensor("clipping.norm").values, close);
      expectAllClose(gradients.a!.dataSync(), torch.tensor("clipping.global.0").values, close);
      expectAllClose(gradients.b!.dataSync(), torch.tensor("clipping.global.1").values, close);
      const untouched = clipByGlobalNorm(given, 1e6).gradients;
      expect([...untouched.a!.dataSync()]).toEqual([...given.a.dataSync()]);
      const limited = clipByValue(given, 0.5).a!.dataSync();
      expect([...limited]).toEqual(
        Array.from(given.a.dataSync(), (one) => Math.min(0.5, Math.max(-0.5, one))),
      );
    });
  });

  it("updates nothing when a gradient is missing or misshapen", () => {
    using first = tensor([1], [1], { device });
    using second = tensor([2, 3], [2], { device });
    using optimizer = new SGD({ first, second }, { learningRate: 1 });
    using good = zeros([1], { device });
    const before = device.memory();
    expect(() => optimizer.step({ first: good })).toThrow(/second has no gradient/);
    expect(() => optimizer.step({ first: good, second: good })).toThrow(/gradient of second/);
    expect(optimizer.stepCount).toBe(0);
    expect([...first.dataSync(), ...second.dataSync()]).toEqual([1, 2, 3]);
    expect(device.memory()).toEqual(before);
  });
});
