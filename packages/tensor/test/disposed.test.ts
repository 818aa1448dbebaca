import { expect, it } from "vitest";
import * as library from "../src/index";

const { createDevice, tensor } = library;
type Tensor = library.Tensor;
type Named = Readonly<Record<string, (...operands: unknown[]) => unknown>>;

/** Operations of one tensor alone. */
const unary = [
  ...["neg", "abs", "sign", "square", "reciprocal", "sqrt", "rsqrt", "exp", "expm1", "log"],
  ...["log1p", "sin", "cos", "tanh", "sigmoid", "erf", "relu", "gelu", "silu", "elu", "softplus"],
  ...["floor", "ceil", "round", "sum", "mean", "variance", "prod", "max", "min", "argmax"],
  ...["argmin", "logsumexp", "norm", "any", "all", "cumsum", "softmax", "logSoftmax", "layerNorm"],
  ...["sort", "argsort", "tril", "triu", "flip", "contiguous", "clone", "logicalNot"],
];
/** Operations of two. */
const binary = [
  ...["add", "sub", "mul", "div", "pow", "mod", "minimum", "maximum", "equal", "less"],
  ...["logicalAnd", "matmul"],
];

it("names the operation that was given a disposed tensor", async () => {
  using device = await createDevice("cpu");
  using live = tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { device },
  );
  using indexes = tensor([0, 1], [2], { device, dtype: "int32" });
  const gone = tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { device },
  );
  gone.dispose();
  const functions = library as unknown as Named;
  const { cast, concat, crossEntropy, dropout, einsum, gather, pad, split, stack, take } = library;
  const calls: Record<string, () => unknown> = {
    ...Object.fromEntries(unary.map((name) => [name, () => functions[name]!(gone)])),
    ...Object.fromEntries(binary.map((name) => [name, () => functions[name]!(live, gone)])),
    where: () => library.where(live, gone, 0),
    cast: () => cast(gone, "float32"),
    reshape: () => gone.reshape([4]),
    permute: () => gone.permute([1, 0]),
    slice: () => gone.slice(0, 0, 1),
    broadcastTo: () => gone.broadcastTo([3, 2, 2]),
    diagonal: () => gone.diagonal(),
    detach: () => gone.detach(),
    dataSync: () => gone.dataSync(),
    concat: () => concat([live, gone]),
    stack: () => stack([live, gone]),
    split: () => split(gone, 2),
    pad: () =>
      pad(gone, [
        [1, 1],
        [0, 0],
      ]),
    gather: () => gather(gone, 0, indexes as Tensor),
    take: () => take(gone, indexes),
    einsum: () => einsum("ij->ji", gone),
    crossEntropy: () => crossEntropy(gone, indexes),
    dropout: () => dropout(gone, { probability: 0.5, seed: 1 }),
  };
  const before = device.memory();
  for (const [name, call] of Object.entries(calls)) {
    expect(call, name).toThrow(`${name}: tensor [2, 2] was disposed; keep it alive`);
  }
  expect(device.memory()).toEqual(before);
});
