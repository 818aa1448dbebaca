import { commonDevice } from "../device/device";
import { ShapeError } from "../errors";
import type { KernelSource } from "../gpujs/kernel-source";
import { formatShape, resolveAxis, sameShape, sizeOf } from "../shape";
import type { Tensor } from "../tensor";
import type { AxisOptions } from "./axis-options";
import { cast } from "./cast";
import { forEachRowBlock } from "./launch-flat";
import { type GpujsContext, type Operation, partOf, runSingle } from "./operation";
import { promotedDType } from "./promotion";

const join: KernelSource = {
  name: "concat",
  source: `function (left, right, width) {
    let r = 0;
    if (this.thread.x < width) {
      r = left[this.thread.y][this.thread.x];
    } else {
      r = right[this.thread.y][this.thread.x - width];
    }
    return r;
  }`,
  parameters: ["array", "array", "integer"],
};

interface ConcatAttributes {
  readonly axis: number;
}

const concatOperation: Operation<ConcatAttributes, readonly Tensor[], [Tensor]> = {
  name: "concat",
  infer: (inputs, { axis }) => {
    const [first] = inputs;
    const total = inputs.reduce((sum, { shape }) => sum + (shape[axis] ?? 0), 0);
    const shape = (first?.shape ?? []).map((size, one) => (one === axis ? total : size));
    return [{ dtype: first?.dtype ?? "float32", shape }];
  },
  gpujs: (context) => {
    const { axis } = context.attributes;
    const [output] = context.outputs;
    const rows = sizeOf(output.shape.slice(0, axis));
    const parts = context.inputs
      .filter(({ size }) => size > 0)
      .map((tensor) => ({ tensor, width: tensor.size / rows }));
    joinParts(context, parts, rows, output);
  },
  gradient: {
    saves: "neither",
    compute: ({ inputShapes, outputGradient, attributes: { axis }, needs }) => {
      let start = 0;
      return inputShapes.map((shape, index) => {
        const end = start + (shape[axis] ?? 0);
        const part = needs[index] ? outputGradient.slice(axis, start, end) : undefined;
        start = end;
        return part;
      });
    },
  },
};

interface Part {
  readonly tensor: Tensor;
  readonly width: number;
}

/** Joins neighbours in pairs, again and again, so that each element is copied log(parts) times. */
function joinParts(
  context: GpujsContext<unknown>,
  parts: readonly Part[],
  rows: number,
  output: Tensor,
): void {
  const [first, second] = parts;
  if (first === undefined) return;
  if (second === undefined) {
    joinPair(context, first, { tensor: first.tensor, width: 0 }, rows, output);
    return;
  }
  const joined: Part[] = [];
  for (let index = 0; index < parts.length; index += 2) {
    const [left, right] = [parts[index], parts[index + 1]];
    if (left === undefined) continue;
    if (right === undefined) {
      joined.push(left);
      continue;
    }
    const width = left.width + right.width;
    const target = parts.length === 2 ? output : context.temporary([rows, width]);
    joinPair(context, left, right, rows, target);
    joined.push({ tensor: target, width });
  }
  if (parts.length > 2) joinParts(context, joined, rows, output);
}

function joinPair(
  { launch }: GpujsContext<unknown>,
  left: Part,
  right: Part,
  rows: number,
  target: Tensor,
): void {
  const width = left.width + right.width;
  forEachRowBlock(rows, width, (start, count) => {
    const part = ({ tensor, width: columns }: Part) => ({
      slice: partOf(tensor, start * columns, Math.max(1, count * columns)),
      sizes: [Math.max(1, columns), columns === 0 ? 1 : count],
    });
    launch(
      join,
      [part(left), part(right), left.width],
      [width, count],
      partOf(target, start * width, count * width),
    );
  });
}

/**
 * Tensors one behind the other along dimension `axis`.
 *
 * @param tensors - One at least, of equal sizes in the other dimensions; dtypes are promoted.
 * @param options - `axis`: default 0.
 * @throws {ShapeError} when there is no tensor, or the other sizes differ.
 */
export function concat(tensors: readonly Tensor[], { axis = 0 }: AxisOptions = {}): Tensor {
  const [first] = tensors;
  if (first === undefined) throw new ShapeError("concat: no tensor given; pass one at least");
  commonDevice("concat", tensors);
  const resolved = resolveAxis("concat", axis, first.rank);
  const others = (shape: readonly number[]) =>
    shape.map((size, one) => (one === resolved ? 0 : size));
  const odd = tensors.find(({ shape }) => !sameShape(others(shape), others(first.shape)));
  if (odd !== undefined) {
    throw new ShapeError(
      `concat: ${formatShape(first.shape)} and ${formatShape(odd.shape)} differ outside dimension ${resolved}; make the other sizes equal`,
      { axis: resolved, shapes: tensors.map(({ shape }) => shape) },
    );
  }
  const dtypes = tensors.map(({ dtype }) => dtype);
  const promoted = promotedDType("concat", ...dtypes);
  const isUniform = dtypes.every((dtype) => dtype === first.dtype);
  const dtype = isUniform ? first.dtype : promoted;
  const operands = tensors.map((tensor) => cast(tensor, dtype));
  try {
    return runSingle(concatOperation, operands, { axis: resolved });
  } finally {
    for (const operand of operands) operand.dispose();
  }
}

/** Tensors of one shape side by side along a new dimension `axis` (default 0). */
export function stack(tensors: readonly Tensor[], { axis = 0 }: AxisOptions = {}): Tensor {
  const [first] = tensors;
  if (first === undefined) throw new ShapeError("stack: no tensor given; pass one at least");
  commonDevice("stack", tensors);
  const resolved = resolveAxis("stack", axis, first.rank + 1);
  const expanded = tensors.map((tensor) => tensor.expandDims(resolved));
  try {
    return concat(expanded, { axis: resolved });
  } finally {
    for (const tensor of expanded) tensor.dispose();
  }
}

/**
 * Views of consecutive parts of dimension `axis` (default 0), without a copy.
 *
 * @param parts - How many parts of equal size, or the size of each.
 * @throws {ShapeError} when the sizes do not add up to the dimension.
 */
export function split(
  input: Tensor,
  parts: number | readonly number[],
  { axis = 0 }: AxisOptions = {},
): Tensor[] {
  commonDevice("split", [input]);
  const resolved = resolveAxis("split", axis, input.rank);
  const size = input.shape[resolved] ?? 0;
  if (typeof parts === "number" && !(Number.isInteger(parts) && parts > 0)) {
    throw new ShapeError(`split: ${parts} parts; use an integer of 1 or more`, { parts });
  }
  const sizes = typeof parts === "number" ? new Array<number>(parts).fill(size / parts) : parts;
  const isExact = sizes.every((part) => Number.isInteger(part) && part >= 0);
  if (!isExact || sizes.reduce((sum, part) => sum + part, 0) !== size) {
    throw new ShapeError(
      `split: [${sizes.join(", ")}] does not add up to dimension ${resolved} of ${formatShape(input.shape)}`,
      { sizes, axis: resolved, shape: input.shape },
    );
  }
  let start = 0;
  return sizes.map((part) => {
    const view = input.slice(resolved, start, start + part);
    start += part;
    return view;
  });
}
