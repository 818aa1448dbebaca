import { afterAll, beforeAll, expect, it } from "vitest";
import * as x from "../../src/index";
import { expectAllClose } from "../support/all-close";
import { type DeviceCase, describeOn } from "../support/devices";
import type { FixtureFile } from "../support/parse-safetensors";
import { asList } from "./check-case";

type Run = (inputs: readonly x.Tensor[]) => x.Tensor | readonly x.Tensor[];

const unary =
  (run: (input: x.Tensor) => x.Tensor): Run =>
  ([input]) =>
    run(input!);
const binary =
  (run: (left: x.Tensor, right: x.Tensor) => x.Tensor): Run =>
  ([left, right]) =>
    run(left!, right!);

/** What must give the result that PyTorch gave under this name. */
const calls: Readonly<Record<string, Run>> = {
  neg: unary(x.neg),
  abs: unary(x.abs),
  sign: unary(x.sign),
  exp: unary(x.exp),
  expm1: unary(x.expm1),
  square: unary(x.square),
  sin: unary(x.sin),
  cos: unary(x.cos),
  tanh: unary(x.tanh),
  sigmoid: unary(x.sigmoid),
  erf: unary(x.erf),
  relu: unary(x.relu),
  gelu: unary((input) => x.gelu(input)),
  geluTanh: unary((input) => x.gelu(input, { approximate: "tanh" })),
  silu: unary(x.silu),
  elu: unary((input) => x.elu(input, { alpha: 0.7 })),
  softplus: unary(x.softplus),
  floor: unary(x.floor),
  ceil: unary(x.ceil),
  round: unary(x.round),
  clip: unary((input) => x.clip(input, -1, 1.5)),
  log: unary(x.log),
  log1p: unary(x.log1p),
  sqrt: unary(x.sqrt),
  rsqrt: unary(x.rsqrt),
  reciprocal: unary(x.reciprocal),
  add: binary(x.add),
  sub: binary(x.sub),
  mul: binary(x.mul),
  div: binary(x.div),
  mod: binary(x.mod),
  pow: binary(x.pow),
  minimum: binary(x.minimum),
  maximum: binary(x.maximum),
  minimumTies: binary(x.minimum),
  maximumTies: binary(x.maximum),
  equal: binary(x.equal),
  notEqual: binary(x.notEqual),
  less: binary(x.less),
  lessEqual: binary(x.lessEqual),
  greater: binary(x.greater),
  greaterEqual: binary(x.greaterEqual),
  logicalAnd: binary(x.logicalAnd),
  logicalOr: binary(x.logicalOr),
  logicalXor: binary(x.logicalXor),
  logicalNot: unary(x.logicalNot),
  where: binary((left, right) => x.where(x.greater(left, 0), left, right)),
  sum: unary((input) => x.sum(input, { axis: [0, 2] })),
  mean: unary((input) => x.mean(input, { axis: 1 })),
  variance: unary((input) => x.variance(input, { axis: [0, 1] })),
  prod: unary((input) => x.prod(input, { axis: 1 })),
  prodZeros: unary((input) => x.prod(input, { axis: 1 })),
  max: unary((input) => x.max(input, { axis: [1, 2] })),
  maxTies: unary((input) => x.max(input, { axis: 1 })),
  min: unary((input) => x.min(input, { axis: 0 })),
  any: unary((input) => x.any(input, { axis: 1 })),
  all: unary((input) => x.all(input, { axis: 1 })),
  argmax: unary((input) => x.argmax(input, { axis: 1 })),
  argmin: unary((input) => x.argmin(input, { axis: -1 })),
  logsumexp: unary((input) => x.logsumexp(input, { axis: [0, 2] })),
  norm: unary((input) => x.norm(input, { axis: [1, 2] })),
  norm1: unary((input) => x.norm(input, { axis: 1, order: 1 })),
  normZero: unary((input) => x.norm(input, { axis: 1 })),
  cumsum: unary((input) => x.cumsum(input, { axis: 1 })),
  softmax: unary((input) => x.softmax(input, { axis: 1 })),
  logSoftmax: unary((input) => x.logSoftmax(input)),
  reshape: unary((input) => x.reshape(input.permute([2, 0, 1]), [6, 4])),
  permute: unary((input) => input.permute([2, 0, 1])),
  transpose: unary((input) => input.transpose()),
  expandDims: unary((input) => input.expandDims(1)),
  squeeze: unary((input) => input.squeeze(1)),
  slice: unary((input) => input.slice(1, 0, 3, 2).slice(2, 1, 3)),
  flip: unary((input) => x.flip(input, { axis: [0, 2] })),
  diagonal: unary((input) => input.diagonal()),
  broadcastTo: unary((input) => input.broadcastTo([2, 3, 4])),
  split: ([input]) => x.split(input!, [1, 3], { axis: 2 }),
  tril: unary((input) => x.tril(input, { diagonal: -1 })),
  triu: unary((input) => x.triu(input, { diagonal: 1 })),
  pad: unary((input) =>
    x.pad(
      input,
      [
        [0, 0],
        [0, 1],
        [1, 2],
      ],
      { value: 0.5 },
    ),
  ),
  contiguous: unary((input) => x.contiguous(input.transpose(0, 2))),
  clone: unary(x.clone),
  concat: binary((left, right) => x.concat([left, right, left], { axis: 1 })),
  stack: binary((left, right) => x.stack([left, right], { axis: 1 })),
  gather: binary((input, index) => x.gather(input, 1, index)),
  take: binary((input, index) => x.take(input, index, { axis: 1 })),
  scatterAdd: ([input, index, source]) => x.scatterAdd(input!, 1, index!, source!),
  embedding: binary(x.embedding),
  sort: ([input]) => {
    const { values, indices } = x.sort(input!, { axis: 0 });
    return [values, indices];
  },
  sortDescending: ([input]) => {
    const { values, indices } = x.sort(input!, { descending: true });
    return [values, indices];
  },
  argsort: unary((input) => x.argsort(input, { axis: 1 })),
  topK: ([input]) => {
    const { values, indices } = x.topK(input!, 2);
    return [values, indices];
  },
  oneHot: unary((input) => x.oneHot(input, 5, { dtype: "int32" })),
  matmul: binary(x.matmul),
  matmulVector: binary(x.matmul),
  linear: binary(x.linear),
  einsum: binary((left, right) => x.einsum("bhqd,bkd->hqk", left, right)),
  einsumTrace: unary((input) => x.einsum("iij->j", input)),
  layerNorm: ([input, weight, bias]) => x.layerNorm(input!, { weight: weight!, bias: bias! }),
  rmsNorm: binary((input, weight) => x.rmsNorm(input, weight)),
  causalConv1d: ([input, weight, bias]) => x.causalConv1d(input!, weight!, { bias: bias! }),
  crossEntropy: binary((logits, targets) => x.crossEntropy(logits, targets)),
  crossEntropySmooth: binary((logits, targets) =>
    x.crossEntropy(logits, targets, { ignoreIndex: 1, labelSmoothing: 0.1 }),
  ),
  crossEntropyNone: binary((logits, targets) =>
    x.crossEntropy(logits, targets, { reduction: "none", labelSmoothing: 0.3 }),
  ),
};

const closeTolerance = { absolute: 1e-5, relative: 1e-5 };

/** Compares results and gradients on `deviceCase` with what PyTorch gave. */
export function torchSuite(deviceCase: DeviceCase, torch: FixtureFile): void {
  describeOn(deviceCase, "results and gradients of PyTorch", ({ create }) => {
    let device: x.Device;
    beforeAll(async () => {
      device = await create();
    });
    afterAll(() => {
      expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
      device.dispose();
    });

    const stored = (name: string) => {
      const { values, shape } = torch.tensor(name);
      const dtype: x.DType = values instanceof Int32Array ? "int32" : "float32";
      return x.tensor(values, shape, { device, dtype });
    };
    const numbered = (prefix: string) =>
      torch.names.filter((name) => name.startsWith(`${prefix}.`)).sort();

    const expectResults = async (results: readonly x.Tensor[], names: readonly string[]) => {
      try {
        expect(results.length).toBe(names.length);
        for (const [index, result] of results.entries()) {
          const { values, shape } = torch.tensor(names[index]!);
          expect(result.shape).toEqual(shape);
          expectAllClose(await result.data(), values, closeTolerance);
        }
      } finally {
        for (const result of results) result.dispose();
      }
    };

    it.each(Object.keys(calls))("%s", async (name) => {
      const run = calls[name]!;
      const outputNames = numbered(`${name}.output`);
      expect(outputNames).not.toEqual([]);
      const outputs = x.tidy(() => asList(run(numbered(`${name}.input`).map(stored))));
      await expectResults(outputs, outputNames);
      const gradientNames = numbered(`${name}.gradient`);
      const tracked = gradientNames.map((one) => Number(one.split(".").at(-1)));
      if (tracked.length === 0) return;
      const gradients = x.tidy(() => {
        const inputs = numbered(`${name}.input`).map(stored);
        const lossOf = (leaves: readonly x.Tensor[]) => {
          const operands = inputs.map((input, index) => leaves[tracked.indexOf(index)] ?? input);
          const results = asList<x.Tensor>(run(operands));
          const weighted = numbered(`${name}.weight`).map((weight) =>
            x.sum(x.mul(results[Number(weight.split(".").at(-1))]!, stored(weight))),
          );
          return weighted.reduce((total, one) => x.add(total, one));
        };
        return x.grad(lossOf)(tracked.map((index) => inputs[index]!));
      });
      await expectResults(gradients, gradientNames);
    });

    it("every case of the fixture is called", () => {
      const cases = torch.names.map((name) => name.split(".input.")[0]!);
      const named = cases.filter((name) => torch.names.includes(`${name}.input.0`));
      const others = [...new Set(named)].filter((name) => name !== "clipping" && !(name in calls));
      expect(others).toEqual([]);
    });
  });
}
