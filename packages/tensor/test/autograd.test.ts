import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AutogradError,
  add,
  assign,
  backward,
  checkpoint,
  clearGradients,
  clone,
  customGradient,
  type Device,
  exp,
  grad,
  gradientOf,
  matmul,
  mean,
  mul,
  noGrad,
  normal,
  ones,
  requireGrad,
  round,
  sigmoid,
  square,
  sum,
  type Tensor,
  tanh,
  tensor,
  tidy,
  topK,
  valueAndGrad,
} from "../src/index";
import { expectAllClose } from "./support/all-close";
import { hostCases } from "./support/devices";

describe.each(hostCases)("autograd on $label", ({ create }) => {
  let device: Device;
  beforeAll(async () => {
    device = await create();
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
    device.dispose();
  });

  const vector = (...values: number[]) => tensor(values, [values.length], { device });

  it("gives the value and gradients in the structure of the parameters", () => {
    tidy(() => {
      const step = valueAndGrad(
        (
          { layers, bias }: { layers: readonly Tensor[]; bias: Tensor; unused: Tensor },
          x: Tensor,
        ) => sum(add(mul(mul(layers[0]!, layers[1]!), x), bias)),
      );
      const parameters = {
        layers: [vector(1, 2), vector(3, 4)],
        bias: vector(0, 0),
        unused: vector(5),
      };
      const { value, gradients } = step(parameters, vector(10, 100));
      expect([...value.dataSync()]).toEqual([830]);
      expect(gradients.layers.map((one) => [...one.dataSync()])).toEqual([
        [30, 400],
        [10, 200],
      ]);
      expect([...gradients.bias.dataSync()]).toEqual([1, 1]);
      expect([...gradients.unused.dataSync()]).toEqual([0]);
      expect(value.requiresGrad || gradients.bias.requiresGrad).toBe(false);
    });
  });

  it("adds up gradients of a tensor that is used several times", () => {
    tidy(() => {
      const gradient = grad((x: Tensor) => sum(mul(add(x, x), mul(x, x))))(vector(1, -2, 3));
      expectAllClose(gradient.dataSync(), [6, 24, 54], { relative: 1e-6 });
    });
  });

  it("collects gradients of several backward passes, until they are cleared", () => {
    using weight = requireGrad(vector(2, 3));
    for (const times of [1, 2]) {
      tidy(() => backward(sum(square(weight))));
      expect([...gradientOf(weight)!.dataSync()]).toEqual([4 * times, 6 * times]);
    }
    clearGradients([weight]);
    expect(gradientOf(weight)).toBeUndefined();
    tidy(() => backward(mul(weight, 2), vector(1, 10)));
    expect([...gradientOf(weight)!.dataSync()]).toEqual([2, 20]);
  });

  it("frees collected gradients with their tensor", () => {
    const before = device.memory();
    const weight = requireGrad(vector(2, 3));
    tidy(() => backward(sum(square(weight))));
    expect(device.memory().tensors).toBe(before.tensors + 2);
    weight.dispose();
    expect(device.memory()).toEqual(before);
  });

  it("records nothing within noGrad, and nothing behind detach", () => {
    using weight = requireGrad(vector(2, 3));
    tidy(() => {
      expect(noGrad(() => square(weight)).requiresGrad).toBe(false);
      expect(noGrad(() => weight.slice(0, 0, 1)).requiresGrad).toBe(false);
      expect(weight.detach().requiresGrad).toBe(false);
      expect(square(weight).requiresGrad).toBe(true);
      expect(() =>
        noGrad(() => {
          throw new Error("from within");
        }),
      ).toThrow("from within");
      expect(square(weight).requiresGrad).toBe(true);
      // d/dw (w · detached(w)) is detached(w).
      backward(sum(mul(weight, weight.detach())));
    });
    expect([...gradientOf(weight)!.dataSync()]).toEqual([2, 3]);
  });

  it("refuses a second pass through a used graph", () => {
    using weight = requireGrad(vector(2, 3));
    tidy(() => {
      const loss = sum(square(weight));
      backward(loss);
      expect(() => backward(loss)).toThrow(AutogradError);
      expect(() => backward(loss)).toThrow(/already used by a backward pass; compute/);
    });
  });

  it("notices that a saved tensor was changed in place", () => {
    using weight = requireGrad(vector(2, 3));
    tidy(() => {
      const factor = vector(1, 1);
      const loss = sum(mul(weight, factor));
      assign(factor.slice(0, 1, 2), vector(9));
      expect(() => backward(loss)).toThrow(/\[2\] that mul needs was changed in place/);
      // What a gradient does not need may change.
      const free = vector(1, 1);
      const other = sum(add(weight, free));
      assign(free, vector(5, 5));
      backward(other);
    });
    expect([...gradientOf(weight)!.dataSync()]).toEqual([1, 1]);
    expect(() => assign(weight, weight)).toThrow(/gradients do not flow through a write in place/);
  });

  it("keeps what it needs when the caller disposes it", () => {
    using weight = requireGrad(vector(2, 3));
    const factor = vector(4, 5);
    using loss = tidy(() => sum(mul(weight, factor)));
    factor.dispose();
    backward(loss);
    expect([...gradientOf(weight)!.dataSync()]).toEqual([4, 5]);
  });

  it("passes gradients of every result of an operation", () => {
    tidy(() => {
      const gradient = grad((x: Tensor) => {
        const { values } = topK(x, 2);
        return sum(mul(values, vector(10, 1)));
      })(vector(1, 5, 3));
      expect([...gradient.dataSync()]).toEqual([0, 10, 1]);
    });
  });

  it("takes a gradient that is written by hand", () => {
    tidy(() => {
      const roundThrough = customGradient({
        forward: (x) => round(x!),
        backward: (gradient) => [gradient],
      });
      const scaled = (x: Tensor) => sum(mul(roundThrough(mul(x, 2)), vector(1, 3)));
      const { value, gradients } = valueAndGrad(scaled)(vector(0.4, 1.1));
      expect([...value.dataSync()]).toEqual([7]);
      expect([...gradients.dataSync()]).toEqual([2, 6]);
      const tracked = requireGrad(vector(1));
      const hidden = customGradient({ forward: () => mul(tracked, 2), backward: () => [] });
      expect(() => hidden(vector(1))).toThrow(
        /uses a tracked tensor that is not one of its operands/,
      );
      const misshapen = customGradient({ forward: (x) => x!, backward: () => [vector(1, 2, 3)] });
      expect(() => grad((x: Tensor) => sum(misshapen(x)))(vector(1, 2))).toThrow(
        /gradient of customGradient has shape \[3\], but its input has \[2\]/,
      );
    });
  });

  it("checkpoints: the same gradients in less memory", () => {
    const [width, blocks] = [64, 6];
    const weights = Array.from({ length: blocks }, (_, seed) =>
      normal([width, width], { device, seed, deviation: 0.2 }),
    );
    const input = normal([width, width], { device, seed: 50 });
    const block = (x: Tensor, weight: Tensor): Tensor =>
      tidy(() => sigmoid(tanh(exp(mul(tanh(matmul(x, weight)), 0.5)))));
    let peak = 0;
    const lossOf = (run: typeof block) => (parameters: readonly Tensor[]) => {
      let x = input.alias();
      for (const weight of parameters) {
        using before = x;
        x = run(before, weight);
      }
      peak = device.memory().bytes;
      return mean(x);
    };
    const run = (one: typeof block) => {
      const before = device.memory().bytes;
      const gradients = grad(lossOf(one))(weights);
      const taken = peak - before;
      const values = gradients.map((gradient) => [...gradient.dataSync()]);
      for (const gradient of gradients) gradient.dispose();
      return { taken, values };
    };
    const plain = run(block);
    const saving = run(checkpoint(block as (...inputs: Tensor[]) => Tensor) as typeof block);
    // Five intermediate results per block against its one result.
    expect(saving.taken).toBeLessThan(plain.taken / 2);
    expect(saving.values).toEqual(plain.values);
    for (const one of [...weights, input]) one.dispose();
  });

  it("goes through 10,000 operations in a row", () => {
    using weight = requireGrad(vector(1));
    let x = clone(weight);
    for (let depth = 0; depth < 10_000; depth++) {
      using before = x;
      // A view per step costs no launch.
      x = depth % 100 === 0 ? add(before, 0.5) : before.reshape([1]);
    }
    using loss = x;
    using total = sum(loss);
    backward(total);
    expect([...gradientOf(weight)!.dataSync()]).toEqual([1]);
    const left = device.memory().tensors;
    expect(left).toBe(4);
  });

  it("frees a deep graph that no backward pass went through", () => {
    const before = device.memory();
    const weight = requireGrad(vector(1));
    let x = clone(weight);
    for (let depth = 0; depth < 10_000; depth++) {
      using previous = x;
      x = previous.reshape([1]);
    }
    weight.dispose();
    x.dispose();
    expect(device.memory()).toEqual(before);
  });

  it("lets a graph go when its tensors are disposed", () => {
    const before = device.memory();
    tidy(() => {
      const weight = requireGrad(ones([50], { device }));
      let x = mul(weight, 2);
      for (let depth = 0; depth < 20; depth++) x = mul(x, x);
    });
    expect(device.memory()).toEqual(before);
  });

  it("refuses gradients of gradients", () => {
    tidy(() => {
      const inner = (x: Tensor) => grad((y: Tensor) => sum(square(y)))(x);
      expect(() => grad((x: Tensor) => sum(inner(x)))(vector(1, 2))).toThrow(
        /gradients of gradients are not supported/,
      );
    });
  });
});
