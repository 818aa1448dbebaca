import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as x from "../src/index";
import { hostCases } from "./support/devices";

/** Operands from which wrong calls are made. */
interface Given {
  readonly device: x.Device;
  readonly other: x.Tensor;
  readonly gone: x.Tensor;
  readonly scalar: x.Tensor;
  readonly vector: x.Tensor;
  readonly matrix: x.Tensor;
  readonly cube: x.Tensor;
  readonly empty: x.Tensor;
  readonly whole: x.Tensor;
  readonly ids: x.Tensor;
  readonly packed: x.Tensor;
}

type ErrorClass = new (...details: never[]) => x.XError;

/** A call, the class of its error, and what the message must name. */
type WrongCall = readonly [
  label: string,
  call: (given: Given) => unknown,
  error: ErrorClass,
  message: RegExp,
];

const unary = {
  neg: x.neg,
  abs: x.abs,
  sign: x.sign,
  square: x.square,
  reciprocal: x.reciprocal,
  sqrt: x.sqrt,
  rsqrt: x.rsqrt,
  floor: x.floor,
  ceil: x.ceil,
  round: x.round,
  exp: x.exp,
  expm1: x.expm1,
  log: x.log,
  log1p: x.log1p,
  sin: x.sin,
  cos: x.cos,
  tanh: x.tanh,
  sigmoid: x.sigmoid,
  erf: x.erf,
  relu: x.relu,
  silu: x.silu,
  gelu: (input: x.Tensor) => x.gelu(input),
  elu: (input: x.Tensor) => x.elu(input),
  softplus: x.softplus,
  clip: (input: x.Tensor) => x.clip(input, 0, 1),
} as const;

const binary = {
  add: x.add,
  sub: x.sub,
  mul: x.mul,
  div: x.div,
  pow: x.pow,
  mod: x.mod,
  minimum: x.minimum,
  maximum: x.maximum,
  equal: x.equal,
  notEqual: x.notEqual,
  less: x.less,
  lessEqual: x.lessEqual,
  greater: x.greater,
  greaterEqual: x.greaterEqual,
  logicalAnd: x.logicalAnd,
  logicalOr: x.logicalOr,
  logicalXor: x.logicalXor,
} as const;

const reductions = {
  sum: x.sum,
  prod: x.prod,
  mean: x.mean,
  variance: x.variance,
  max: x.max,
  min: x.min,
  any: x.any,
  all: x.all,
  logsumexp: x.logsumexp,
  norm: x.norm,
} as const;

const entries = <Value>(table: Readonly<Record<string, Value>>) => Object.entries(table);

const families: readonly WrongCall[] = [
  ...entries(unary).flatMap(([name, run]): WrongCall[] => [
    [
      `${name} of a disposed tensor`,
      ({ gone }) => run(gone),
      x.DisposedError,
      /\[2, 3\].*disposed/,
    ],
    [`${name} of packed weights`, ({ packed }) => run(packed), x.DTypeError, /q4_0/],
  ]),
  ...entries(binary).flatMap(([name, run]): WrongCall[] => [
    [
      `${name} of shapes that do not broadcast`,
      ({ matrix, vector }) => run(matrix, vector),
      x.ShapeError,
      new RegExp(`${name}: shapes \\[2, 3\\] and \\[4\\]`),
    ],
    [
      `${name} across devices`,
      ({ matrix, other }) => run(matrix, other),
      x.DeviceError,
      new RegExp(`${name}: .*different devices`),
    ],
    [
      `${name} of a disposed tensor`,
      ({ matrix, gone }) => run(matrix, gone),
      x.DisposedError,
      /disposed/,
    ],
    [`${name} of two numbers`, () => run(1, 2), x.DTypeError, /both operands are numbers/],
    [`${name} of packed weights`, ({ packed }) => run(packed, 1), x.DTypeError, /q4_0/],
  ]),
  ...entries(reductions).flatMap(([name, run]): WrongCall[] => [
    [
      `${name} over an axis that is not there`,
      ({ matrix }) => run(matrix, { axis: 2 }),
      x.OutOfRangeError,
      /axis 2 is outside.*use -2 to 1/,
    ],
    [
      `${name} over a fraction of an axis`,
      ({ matrix }) => run(matrix, { axis: 0.5 }),
      x.OutOfRangeError,
      /axis 0.5/,
    ],
    [
      `${name} over one axis twice`,
      ({ matrix }) => run(matrix, { axis: [0, -2] }),
      x.ShapeError,
      /name a dimension twice/,
    ],
    [`${name} of a disposed tensor`, ({ gone }) => run(gone, {}), x.DisposedError, /disposed/],
    [`${name} of packed weights`, ({ packed }) => run(packed, {}), x.DTypeError, /q4_0/],
  ]),
  ...(["max", "min"] as const).map(
    (name): WrongCall => [
      `${name} of nothing`,
      ({ empty }) => reductions[name](empty, { axis: 1 }),
      x.ShapeError,
      /no element to choose from in \[3, 0\]/,
    ],
  ),
];

const others: readonly WrongCall[] = [
  [
    "clip between NaN",
    ({ matrix }) => x.clip(matrix, Number.NaN, 1),
    x.OutOfRangeError,
    /clip: NaN/,
  ],
  [
    "clip up to Infinity",
    ({ matrix }) => x.clip(matrix, 0, Number.POSITIVE_INFINITY),
    x.OutOfRangeError,
    /clip: 0 to Infinity.*finite/,
  ],
  [
    "clip in the wrong order",
    ({ matrix }) => x.clip(matrix, 1, 0),
    x.OutOfRangeError,
    /clip: 1 to 0/,
  ],
  [
    "norm of order 3",
    ({ matrix }) => x.norm(matrix, { order: 3 }),
    x.OutOfRangeError,
    /norm: order 3/,
  ],
  [
    "where of shapes that do not broadcast",
    ({ matrix, vector }) => x.where(matrix, vector, 1),
    x.ShapeError,
    /where: shapes/,
  ],
  [
    "where across devices",
    ({ matrix, other }) => x.where(matrix, other, 1),
    x.DeviceError,
    /where: .*different devices/,
  ],
  ["where of a disposed tensor", ({ gone }) => x.where(gone, 1, 2), x.DisposedError, /disposed/],
  ["argmax of a scalar", ({ scalar }) => x.argmax(scalar), x.ShapeError, /argmax: shapes \[\]/],
  ["argmax of nothing", ({ empty }) => x.argmax(empty), x.ShapeError, /argmax: .*\[3, 0\].*empty/],
  [
    "argmin, bad axis",
    ({ matrix }) => x.argmin(matrix, { axis: -3 }),
    x.OutOfRangeError,
    /axis -3/,
  ],
  ["argmax of packed weights", ({ packed }) => x.argmax(packed), x.DTypeError, /q4_0/],
  ["cumsum of a scalar", ({ scalar }) => x.cumsum(scalar), x.ShapeError, /cumsum/],
  ["cumsum, bad axis", ({ matrix }) => x.cumsum(matrix, { axis: 2 }), x.OutOfRangeError, /axis 2/],
  ["cumsum of a disposed tensor", ({ gone }) => x.cumsum(gone), x.DisposedError, /disposed/],
  ["softmax of a scalar", ({ scalar }) => x.softmax(scalar), x.ShapeError, /softmax/],
  [
    "softmax, bad axis",
    ({ matrix }) => x.softmax(matrix, { axis: 5 }),
    x.OutOfRangeError,
    /axis 5/,
  ],
  [
    "softmax of integers",
    ({ whole }) => x.softmax(whole),
    x.DTypeError,
    /softmax: .*int32.*float32/,
  ],
  ["softmax of a disposed tensor", ({ gone }) => x.softmax(gone), x.DisposedError, /disposed/],
  ["logSoftmax of integers", ({ whole }) => x.logSoftmax(whole), x.DTypeError, /logSoftmax.*int32/],
  [
    "layerNorm, weight of another width",
    ({ matrix, vector }) => x.layerNorm(matrix, { weight: vector }),
    x.ShapeError,
    /layerNorm: shapes \[2, 3\], \[4\]/,
  ],
  ["layerNorm of a scalar", ({ scalar }) => x.layerNorm(scalar), x.ShapeError, /layerNorm/],
  ["layerNorm of integers", ({ whole }) => x.layerNorm(whole), x.DTypeError, /layerNorm.*int32/],
  [
    "layerNorm across devices",
    ({ cube, other }) => x.layerNorm(cube, { weight: other }),
    x.DeviceError,
    /layerNorm.*different devices/,
  ],
  [
    "rmsNorm, weight of another width",
    ({ matrix, vector }) => x.rmsNorm(matrix, vector),
    x.ShapeError,
    /rmsNorm: shapes \[2, 3\], \[4\]/,
  ],
  [
    "crossEntropy, targets of another shape",
    ({ cube, ids }) => x.crossEntropy(cube, ids),
    x.ShapeError,
    /crossEntropy: shapes/,
  ],
  [
    "crossEntropy, float targets",
    ({ matrix, vector }) => x.crossEntropy(matrix, vector),
    x.DTypeError,
    /crossEntropy: the targets is float32/,
  ],
  [
    "crossEntropy, a target beyond the classes",
    ({ matrix, device }) =>
      x.tidy(() => x.crossEntropy(matrix, x.tensor([0, 3], [2], { device, dtype: "int32" }))),
    x.OutOfRangeError,
    /crossEntropy: target 3 is out of range; use 0 to 2/,
  ],
  [
    "crossEntropy, smoothing of 2",
    ({ matrix, device }) =>
      x.tidy(() =>
        x.crossEntropy(matrix, x.zeros([2], { device, dtype: "int32" }), { labelSmoothing: 2 }),
      ),
    x.OutOfRangeError,
    /labelSmoothing 2/,
  ],
  [
    "dropout of more than everything",
    ({ matrix }) => x.dropout(matrix, { probability: 1.5, seed: 1 }),
    x.OutOfRangeError,
    /dropout: probability 1.5/,
  ],
  [
    "dropout with a seed that is none",
    ({ matrix }) => x.dropout(matrix, { probability: 0.5, seed: -1 }),
    x.OutOfRangeError,
    /seed -1/,
  ],
  [
    "dropout of a disposed tensor",
    ({ gone }) => x.dropout(gone, { probability: 0.5, seed: 1 }),
    x.DisposedError,
    /disposed/,
  ],
  [
    "matmul, inner sizes of matrices",
    ({ matrix }) => x.matmul(matrix, matrix),
    x.ShapeError,
    /matmul: shapes \[2, 3\], \[2, 3\] do not fit; use/,
  ],
  [
    "matmul, leading sizes do not broadcast",
    ({ device }) =>
      x.tidy(() => x.matmul(x.zeros([2, 3, 4], { device }), x.zeros([3, 4, 2], { device }))),
    x.ShapeError,
    /matmul/,
  ],
  ["matmul of a scalar", ({ scalar, matrix }) => x.matmul(scalar, matrix), x.ShapeError, /matmul/],
  [
    "matmul of packed weights",
    ({ packed, matrix }) => x.matmul(matrix.transpose(), packed),
    x.DTypeError,
    /matmul: a q4_0 tensor is packed/,
  ],
  [
    "matmul across devices",
    ({ matrix, other }) => x.matmul(matrix.transpose(), other),
    x.DeviceError,
    /matmul: .*different devices/,
  ],
  [
    "matmul of a disposed tensor",
    ({ gone, cube }) => x.matmul(gone, cube.slice(0, 0, 1).squeeze(0)),
    x.DisposedError,
    /disposed/,
  ],
  [
    "linear, widths differ",
    ({ matrix, cube }) => x.linear(matrix, cube),
    x.ShapeError,
    /linear: shapes/,
  ],
  ["einsum without terms", ({ matrix }) => x.einsum("ij,jk->ik", matrix), x.ShapeError, /einsum/],
  [
    "einsum of too few letters",
    ({ cube }) => x.einsum("ij->i", cube),
    x.ShapeError,
    /term "ij" has 2 letters.*\[2, 3, 4\]/,
  ],
  [
    "einsum, sizes disagree",
    ({ matrix }) => x.einsum("ii->i", matrix),
    x.ShapeError,
    /"i" is 2 .* 3/,
  ],
  ["einsum, an unknown letter", ({ matrix }) => x.einsum("ij->k", matrix), x.ShapeError, /einsum/],
  [
    "causalConv1d, channels differ",
    ({ cube, matrix }) => x.causalConv1d(cube, matrix),
    x.ShapeError,
    /causalConv1d: shapes \[2, 3, 4\], \[2, 3\]/,
  ],
  [
    "causalConv1d, bias of another width",
    ({ cube, device, vector }) =>
      x.tidy(() => x.causalConv1d(cube, x.zeros([3, 2], { device }), { bias: vector })),
    x.ShapeError,
    /causalConv1d/,
  ],
  [
    "reshape to another size",
    ({ matrix }) => x.reshape(matrix, [4]),
    x.ShapeError,
    /reshape: \[2, 3\] holds 6/,
  ],
  [
    "reshape with two inferred sizes",
    ({ matrix }) => x.reshape(matrix, [-1, -1]),
    x.ShapeError,
    /reshape/,
  ],
  [
    "reshape to a negative size",
    ({ matrix }) => x.reshape(matrix, [-2, -3]),
    x.ShapeError,
    /reshape/,
  ],
  ["reshape of a disposed tensor", ({ gone }) => x.reshape(gone, [6]), x.DisposedError, /disposed/],
  [
    "view without a copy",
    ({ matrix }) => matrix.transpose().reshape([6]),
    x.ShapeError,
    /without a copy/,
  ],
  [
    "permute, a dimension twice",
    ({ matrix }) => matrix.permute([0, 0]),
    x.ShapeError,
    /permute: \[0, 0\]/,
  ],
  ["permute, too few", ({ matrix }) => matrix.permute([0]), x.ShapeError, /permute/],
  [
    "permute of packed weights",
    ({ packed }) => packed.permute([1, 0]),
    x.DTypeError,
    /permute: a q4_0/,
  ],
  [
    "transpose of a vector",
    ({ vector }) => vector.transpose(),
    x.OutOfRangeError,
    /transpose: axis -2/,
  ],
  [
    "squeeze of a wide dimension",
    ({ matrix }) => matrix.squeeze(0),
    x.ShapeError,
    /squeeze: dimension 0/,
  ],
  [
    "expandDims far out",
    ({ matrix }) => matrix.expandDims(4),
    x.OutOfRangeError,
    /expandDims: axis 4/,
  ],
  [
    "broadcastTo another size",
    ({ matrix }) => matrix.broadcastTo([4, 3]),
    x.ShapeError,
    /broadcastTo: \[2, 3\]/,
  ],
  ["broadcastTo a lower rank", ({ cube }) => cube.broadcastTo([3, 4]), x.ShapeError, /broadcastTo/],
  ["slice past the end", ({ matrix }) => matrix.slice(1, 0, 4), x.OutOfRangeError, /slice: 0 to 4/],
  ["slice by 0", ({ matrix }) => matrix.slice(0, 0, 1, 0), x.OutOfRangeError, /by 0/],
  ["slice from a fraction", ({ matrix }) => matrix.slice(0, 0.5), x.OutOfRangeError, /slice: 0.5/],
  [
    "slice from before the start",
    ({ matrix }) => matrix.slice(0, -3),
    x.OutOfRangeError,
    /slice: -3/,
  ],
  ["slice, bad axis", ({ matrix }) => matrix.slice(2, 0, 1), x.OutOfRangeError, /slice: axis 2/],
  ["slice of a disposed tensor", ({ gone }) => gone.slice(0, 0, 1), x.DisposedError, /disposed/],
  ["diagonal of a vector", ({ vector }) => vector.diagonal(), x.ShapeError, /diagonal: \[4\]/],
  ["concat of nothing", () => x.concat([]), x.ShapeError, /concat: no tensor/],
  [
    "concat, other sizes differ",
    ({ matrix, vector }) => x.concat([matrix, vector]),
    x.ShapeError,
    /concat: \[2, 3\] and \[4\]/,
  ],
  [
    "concat, bad axis",
    ({ matrix }) => x.concat([matrix, matrix], { axis: 2 }),
    x.OutOfRangeError,
    /concat: axis 2/,
  ],
  [
    "concat of a scalar",
    ({ scalar }) => x.concat([scalar, scalar]),
    x.OutOfRangeError,
    /concat: axis 0/,
  ],
  [
    "concat across devices",
    ({ matrix, other }) => x.concat([matrix, other]),
    x.DeviceError,
    /concat.*different devices/,
  ],
  [
    "concat of a disposed tensor",
    ({ matrix, gone }) => x.concat([matrix, gone]),
    x.DisposedError,
    /disposed/,
  ],
  ["concat of packed weights", ({ packed }) => x.concat([packed, packed]), x.DTypeError, /q4_0/],
  ["stack of nothing", () => x.stack([]), x.ShapeError, /stack: no tensor/],
  [
    "stack of different shapes",
    ({ matrix, vector }) => x.stack([matrix, vector]),
    x.ShapeError,
    /./,
  ],
  [
    "split into unequal parts",
    ({ matrix }) => x.split(matrix, 2, { axis: 1 }),
    x.ShapeError,
    /split/,
  ],
  [
    "split into too much",
    ({ matrix }) => x.split(matrix, [1, 3], { axis: 1 }),
    x.ShapeError,
    /split: \[1, 3\]/,
  ],
  ["split into no part", ({ matrix }) => x.split(matrix, 0), x.ShapeError, /split/],
  ["split into half a part", ({ matrix }) => x.split(matrix, 0.5), x.ShapeError, /split/],
  [
    "pad, too few pairs",
    ({ matrix }) => x.pad(matrix, [[1, 1]]),
    x.ShapeError,
    /pad: 1 pairs.*\[2, 3\]/,
  ],
  [
    "pad by a negative width",
    ({ vector }) => x.pad(vector, [[-1, 0]]),
    x.OutOfRangeError,
    /pad: width -1/,
  ],
  [
    "flip, bad axis",
    ({ matrix }) => x.flip(matrix, { axis: [0, 2] }),
    x.OutOfRangeError,
    /flip: axis 2/,
  ],
  ["tril of a vector", ({ vector }) => x.tril(vector), x.ShapeError, /tril/],
  [
    "triu, a fraction of a diagonal",
    ({ matrix }) => x.triu(matrix, { diagonal: 0.5 }),
    x.OutOfRangeError,
    /triu: diagonal 0.5/,
  ],
  [
    "oneHot, an index too large",
    ({ ids }) => x.oneHot(ids, 1),
    x.OutOfRangeError,
    /oneHot: index 1.*0 to 0/,
  ],
  ["oneHot of floats", ({ vector }) => x.oneHot(vector, 4), x.DTypeError, /oneHot.*float32.*int32/],
  ["oneHot of a negative depth", ({ ids }) => x.oneHot(ids, -2), x.OutOfRangeError, /oneHot/],
  [
    "cast to no dtype",
    ({ matrix }) => x.cast(matrix, "float64" as x.DType),
    x.DTypeError,
    /unknown dtype "float64"/,
  ],
  ["cast of packed weights", ({ packed }) => x.cast(packed, "float32"), x.DTypeError, /cast: q4_0/],
  ["cast of a disposed tensor", ({ gone }) => x.cast(gone, "int32"), x.DisposedError, /disposed/],
  [
    "gather, an index too large",
    ({ matrix, device }) =>
      x.tidy(() => x.gather(matrix, 1, x.tensor([0, 3], [2, 1], { device, dtype: "int32" }))),
    x.OutOfRangeError,
    /gather: index 3.*0 to 2/,
  ],
  [
    "gather, a negative index",
    ({ matrix, device }) =>
      x.tidy(() => x.gather(matrix, 1, x.tensor([0, -1], [2, 1], { device, dtype: "int32" }))),
    x.OutOfRangeError,
    /gather: index -1/,
  ],
  [
    "gather, an index of another rank",
    ({ matrix, ids }) => x.gather(matrix, 0, ids),
    x.ShapeError,
    /gather: index \[2\].*\[2, 3\]/,
  ],
  [
    "gather by floats",
    ({ matrix }) => x.gather(matrix, 0, matrix),
    x.DTypeError,
    /gather.*float32/,
  ],
  [
    "gather, bad axis",
    ({ matrix, whole }) => x.gather(matrix, 2, whole),
    x.OutOfRangeError,
    /gather: axis 2/,
  ],
  [
    "gather across devices",
    ({ other, device }) =>
      x.tidy(() => x.gather(other, 0, x.zeros([1, 1], { device, dtype: "int32" }))),
    x.DeviceError,
    /different devices/,
  ],
  [
    "gather of packed weights",
    ({ packed, device }) =>
      x.tidy(() => x.gather(packed, 0, x.zeros([1, 1], { device, dtype: "int32" }))),
    x.DTypeError,
    /q4_0/,
  ],
  [
    "gather of a disposed tensor",
    ({ gone, device }) =>
      x.tidy(() => x.gather(gone, 0, x.zeros([1, 3], { device, dtype: "int32" }))),
    x.DisposedError,
    /disposed/,
  ],
  [
    "take, an index too large",
    ({ vector, device }) =>
      x.tidy(() => x.take(vector, x.tensor([4], [1], { device, dtype: "int32" }))),
    x.OutOfRangeError,
    /take: index 4.*0 to 3/,
  ],
  ["take of a scalar", ({ scalar, ids }) => x.take(scalar, ids), x.ShapeError, /take/],
  ["take by floats", ({ matrix, vector }) => x.take(matrix, vector), x.DTypeError, /take.*float32/],
  ["take of packed weights", ({ packed, ids }) => x.take(packed, ids), x.DTypeError, /q4_0/],
  [
    "embedding, an id too large",
    ({ matrix, device }) =>
      x.tidy(() => x.embedding(matrix, x.tensor([2], [1], { device, dtype: "int32" }))),
    x.OutOfRangeError,
    /embedding: id 2/,
  ],
  ["embedding of a cube", ({ cube, ids }) => x.embedding(cube, ids), x.ShapeError, /embedding/],
  [
    "scatterAdd, an index too large",
    ({ vector, device }) =>
      x.tidy(() =>
        x.scatterAdd(
          vector,
          0,
          x.tensor([4], [1], { device, dtype: "int32" }),
          x.ones([1], { device }),
        ),
      ),
    x.OutOfRangeError,
    /scatterAdd: index 4/,
  ],
  [
    "scatterAdd, source of another shape",
    ({ vector, ids, matrix }) => x.scatterAdd(vector, 0, ids, matrix),
    x.ShapeError,
    /scatterAdd: shapes \[2\], \[2, 3\]/,
  ],
  [
    "scatterAdd of two dtypes",
    ({ vector, ids }) => x.scatterAdd(vector, 0, ids, ids),
    x.DTypeError,
    /scatterAdd: the source is int32/,
  ],
  ["sort of a scalar", ({ scalar }) => x.sort(scalar), x.ShapeError, /sort/],
  [
    "sort, bad axis",
    ({ matrix }) => x.sort(matrix, { axis: 2 }),
    x.OutOfRangeError,
    /sort: axis 2/,
  ],
  ["sort of packed weights", ({ packed }) => x.sort(packed), x.DTypeError, /sort: .*q4_0/],
  ["argsort of a disposed tensor", ({ gone }) => x.argsort(gone), x.DisposedError, /disposed/],
  [
    "topK of more than there is",
    ({ matrix }) => x.topK(matrix, 4),
    x.OutOfRangeError,
    /topK: k is 4; use 1 to 3/,
  ],
  ["topK of none", ({ matrix }) => x.topK(matrix, 0), x.OutOfRangeError, /topK: k is 0/],
  ["topK of integers", ({ whole }) => x.topK(whole, 1), x.DTypeError, /topK.*int32/],
  [
    "assign of another shape",
    ({ matrix, vector }) => x.assign(matrix, vector),
    x.ShapeError,
    /assign: shapes \[2, 3\], \[4\]/,
  ],
  [
    "assign of another dtype",
    ({ vector, whole }) => x.assign(vector, whole),
    x.DTypeError,
    /assign: target is float32, source is int32/,
  ],
  [
    "assign to a disposed tensor",
    ({ matrix, gone }) => x.assign(gone, matrix),
    x.DisposedError,
    /disposed/,
  ],
  [
    "assign across devices",
    ({ matrix, other }) => x.assign(matrix, other),
    x.DeviceError,
    /assign/,
  ],
  [
    "contiguous of a disposed tensor",
    ({ gone }) => x.contiguous(gone),
    x.DisposedError,
    /disposed/,
  ],
  ["clone of a disposed tensor", ({ gone }) => x.clone(gone), x.DisposedError, /disposed/],
  ["reading a disposed tensor", ({ gone }) => gone.dataSync(), x.DisposedError, /disposed/],
  [
    "tensor of ragged rows",
    ({ device }) => x.tensor([[1, 2], [3]], { device }),
    x.ShapeError,
    /ragged/,
  ],
  [
    "tensor of too few values",
    ({ device }) => x.tensor([1, 2], [3], { device }),
    x.ShapeError,
    /2 values given.*\[3\]/,
  ],
  [
    "tensor of a negative size",
    ({ device }) => x.zeros([-1], { device }),
    x.ShapeError,
    /\[-1\] is not a shape/,
  ],
  ["tensor of a fractional size", ({ device }) => x.empty([1.5], { device }), x.ShapeError, /1.5/],
  [
    "full of packed values",
    ({ device }) => x.full([32], 1, { device, dtype: "q4_0" }),
    x.DTypeError,
    /full: q4_0/,
  ],
  ["arange by 0", ({ device }) => x.arange(0, 1, 0, { device }), x.OutOfRangeError, /arange/],
  [
    "arange to Infinity",
    ({ device }) => x.arange(0, Number.POSITIVE_INFINITY, 1, { device }),
    x.OutOfRangeError,
    /arange/,
  ],
  [
    "linspace of -1 numbers",
    ({ device }) => x.linspace(0, 1, -1, { device }),
    x.ShapeError,
    /linspace/,
  ],
  [
    "linspace to NaN",
    ({ device }) => x.linspace(0, Number.NaN, 3, { device }),
    x.OutOfRangeError,
    /linspace/,
  ],
  ["eye of a fraction", ({ device }) => x.eye(1.5, { device }), x.ShapeError, /eye/],
  [
    "uniform of a negative seed",
    ({ device }) => x.uniform([2], { device, seed: -1 }),
    x.OutOfRangeError,
    /seed -1/,
  ],
  [
    "uniform of a negative size",
    ({ device }) => x.uniform([-2], { device, seed: 1 }),
    x.ShapeError,
    /\[-2\]/,
  ],
  [
    "normal of a fractional size",
    ({ device }) => x.normal([0.5], { device, seed: 1 }),
    x.ShapeError,
    /0.5/,
  ],
  [
    "bytesOf a view with gaps",
    ({ matrix }) => x.bytesOf(matrix.transpose()),
    x.ShapeError,
    /bytesOf/,
  ],
  [
    "backward of an untracked tensor",
    ({ scalar }) => x.backward(scalar),
    x.AutogradError,
    /backward/,
  ],
  [
    "requireGrad of integers",
    ({ whole }) => x.requireGrad(whole),
    x.DTypeError,
    /requireGrad: int32/,
  ],
  [
    "grad of integers",
    ({ whole }) => x.grad((t: x.Tensor) => x.sum(t))(whole),
    x.DTypeError,
    /grad: a int32/,
  ],
  [
    "grad of a vector",
    ({ vector }) => x.grad((t: x.Tensor) => x.mul(t, 2))(vector),
    x.ShapeError,
    /backward: the result \[4\] is not a scalar/,
  ],
  [
    "clipByGlobalNorm at NaN",
    ({ matrix }) => x.clipByGlobalNorm({ matrix }, Number.NaN),
    x.OutOfRangeError,
    /NaN/,
  ],
  [
    "clipByGlobalNorm of nothing",
    () => x.clipByGlobalNorm({}, 1),
    x.OutOfRangeError,
    /no gradient/,
  ],
  [
    "clipByValue at Infinity",
    ({ matrix }) => x.clipByValue({ matrix }, Number.POSITIVE_INFINITY),
    x.OutOfRangeError,
    /Infinity/,
  ],
  ["clipByValue below 0", ({ matrix }) => x.clipByValue({ matrix }, -1), x.OutOfRangeError, /clip/],
  [
    "Adam with betas of 1",
    ({ matrix }) => new x.Adam({ matrix }, { betas: [1, 0.9] }),
    x.OutOfRangeError,
    /betas/,
  ],
  [
    "SGD at a negative rate",
    ({ matrix }) => new x.SGD({ matrix }, { learningRate: -1 }),
    x.OutOfRangeError,
    /learningRate -1/,
  ],
  [
    "an optimizer of integers",
    ({ whole }) => new x.SGD({ whole }, { learningRate: 1 }),
    x.DTypeError,
    /whole is int32/,
  ],
  [
    "warmupCosine, warm-up too long",
    () => x.warmupCosine({ peak: 1, warmupSteps: 3, totalSteps: 2 }),
    x.OutOfRangeError,
    /warm/,
  ],
];

describe.each(hostCases)("wrong calls on $label", ({ create }) => {
  let device: x.Device;
  let given: Given;
  let otherDevice: x.Device;
  beforeAll(async () => {
    device = await create();
    otherDevice = await x.createDevice("cpu");
    const gone = x.zeros([2, 3], { device });
    gone.dispose();
    given = {
      device,
      gone,
      other: x.zeros([2, 3], { device: otherDevice }),
      scalar: x.tensor(2, { device }),
      vector: x.tensor([1, 2, 3, 4], [4], { device }),
      matrix: x.tensor([1, 2, 3, 4, 5, 6], [2, 3], { device }),
      cube: x.ones([2, 3, 4], { device }),
      empty: x.zeros([3, 0], { device }),
      whole: x.ones([4], { device, dtype: "int32" }),
      ids: x.tensor([0, 1], [2], { device, dtype: "int32" }),
      packed: x.tensor(new Uint8Array(36), [2, 32], { device, dtype: "q4_0" }),
    };
  });
  afterAll(() => {
    device.dispose();
    otherDevice.dispose();
  });

  it.each([...families, ...others])("%s", (_, call, errorClass, message) => {
    const before = device.memory();
    let caught: unknown;
    x.tidy(() => {
      try {
        call(given);
      } catch (error) {
        caught = error;
      }
    });
    expect(caught).toBeInstanceOf(errorClass);
    const error = caught as x.XError;
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain("\n");
    expect(error.code).toMatch(/^[A-Z_]+$/);
    const after = device.memory();
    expect([after.tensors, after.bytes]).toEqual([before.tensors, before.bytes]);
  });
});
