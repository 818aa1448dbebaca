import { LimitError } from "../../errors";
import type { Implementation } from "../../ops/operation";
import { sizeOf } from "../../shape";
import type { GpuLimits } from "../gpu-limits";
import { bindingBytes } from "../gpu-range";
import { cut, extentOf, type StridedView, viewOf } from "./strided-view";
import { launchWgsl, operand, type WgslServices } from "./wgsl-kernel";

/** Leading dimensions that the kernel walks. */
const maximumBatchRank = 4;
/** Threads along each side of a workgroup. */
const side = 16;
/** Columns of a tile: each thread computes four. */
const tileColumns = side * 4;
/** Steps along the inner dimension between two barriers. */
const tileInner = 16;

/**
 * A workgroup computes a tile of the result from tiles of the operands in workgroup memory; each
 * thread keeps `rowsPerThread` × 4 sums in registers.
 */
function code(rowsPerThread: number, isRightTransposed: boolean): string {
  const tileRows = side * rowsPerThread;
  // Neighbouring threads load neighbouring elements, whichever way the right operand lies.
  const rightRow = isRightTransposed ? `load % ${tileInner}u` : `load / ${tileColumns}u`;
  const rightColumn = isRightTransposed ? `load / ${tileInner}u` : `load % ${tileColumns}u`;
  return `
struct Parameters {
  rows : u32, inner : u32, columns : u32, first_left : i32,
  first_right : i32, first_result : u32, left_row : i32, left_column : i32,
  right_row : i32, right_column : i32, result_row : u32, result_batch : u32,
  batch_shape : vec4<u32>,
  left_batch : vec4<i32>,
  right_batch : vec4<i32>,
}
@group(0) @binding(0) var<uniform> parameters : Parameters;
@group(0) @binding(1) var<storage, read> left : array<f32>;
@group(0) @binding(2) var<storage, read> right : array<f32>;
@group(0) @binding(3) var<storage, read_write> result : array<f32>;
var<workgroup> left_tile : array<f32, ${tileRows * tileInner}>;
var<workgroup> right_tile : array<f32, ${tileInner * tileColumns}>;

@compute @workgroup_size(${side}, ${side})
fn main(
  @builtin(workgroup_id) group : vec3<u32>,
  @builtin(local_invocation_id) local : vec3<u32>,
  @builtin(local_invocation_index) thread : u32,
) {
  var left_start = parameters.first_left;
  var right_start = parameters.first_right;
  var rest = group.z;
  for (var axis = ${maximumBatchRank - 1}i; axis >= 0i; axis--) {
    let index = i32(rest % parameters.batch_shape[axis]);
    left_start += index * parameters.left_batch[axis];
    right_start += index * parameters.right_batch[axis];
    rest = rest / parameters.batch_shape[axis];
  }
  let tile_row = group.y * ${tileRows}u;
  let tile_column = group.x * ${tileColumns}u;
  var sums : array<vec4<f32>, ${rowsPerThread}>;

  for (var start = 0u; start < parameters.inner; start += ${tileInner}u) {
    for (var load = thread; load < ${tileRows * tileInner}u; load += ${side * side}u) {
      let row = tile_row + load / ${tileInner}u;
      let column = start + load % ${tileInner}u;
      var value = 0.0;
      if (row < parameters.rows && column < parameters.inner) {
        value = left[left_start + i32(row) * parameters.left_row + i32(column) * parameters.left_column];
      }
      left_tile[load] = value;
    }
    for (var load = thread; load < ${tileInner * tileColumns}u; load += ${side * side}u) {
      let tile_inner = ${rightRow};
      let tile_at = ${rightColumn};
      let row = start + tile_inner;
      let column = tile_column + tile_at;
      var value = 0.0;
      if (row < parameters.inner && column < parameters.columns) {
        value = right[right_start + i32(row) * parameters.right_row + i32(column) * parameters.right_column];
      }
      right_tile[tile_inner * ${tileColumns}u + tile_at] = value;
    }
    workgroupBarrier();
    for (var inner = 0u; inner < ${tileInner}u; inner++) {
      let at = inner * ${tileColumns}u + local.x;
      let columns = vec4<f32>(
        right_tile[at],
        right_tile[at + ${side}u],
        right_tile[at + ${side * 2}u],
        right_tile[at + ${side * 3}u],
      );
      for (var row = 0u; row < ${rowsPerThread}u; row++) {
        sums[row] += left_tile[(local.y + row * ${side}u) * ${tileInner}u + inner] * columns;
      }
    }
    workgroupBarrier();
  }

  let result_start = parameters.first_result + group.z * parameters.result_batch;
  for (var row = 0u; row < ${rowsPerThread}u; row++) {
    let result_row = tile_row + local.y + row * ${side}u;
    for (var part = 0u; part < 4u; part++) {
      let column = tile_column + local.x + part * ${side}u;
      if (result_row < parameters.rows && column < parameters.columns) {
        result[result_start + result_row * parameters.result_row + column] = sums[row][part];
      }
    }
  }
}`;
}

/** `matmul`: views of any strides are read in place, a transposed operand among them. */
export function matmul(services: WgslServices): Implementation {
  return {
    accepts: (inputs) =>
      inputs.every(({ rank, dtype }) => rank <= maximumBatchRank + 2 && dtype === "float32") &&
      operand(inputs, 0).rank === operand(inputs, 1).rank &&
      operand(inputs, 0).dimension(-1) > 0,
    run: (inputs, outputs) => {
      const result = viewOf(operand(outputs, 0));
      if (sizeOf(result.shape) === 0) return;
      multiply(services, {
        left: viewOf(operand(inputs, 0)),
        right: viewOf(operand(inputs, 1)),
        result,
      });
    },
  };
}

interface Product {
  readonly left: StridedView;
  readonly right: StridedView;
  readonly result: StridedView;
}

/** Cuts the product along its leading dimensions, then its rows, until one launch can do it. */
function multiply(services: WgslServices, product: Product): void {
  if (fits(product, services.limits)) {
    launch(services, product);
    return;
  }
  const { left, right, result } = product;
  // All leading dimensions, and then the rows; the right operand has no rows of the result.
  const axis = result.shape.findIndex((size, index) => size > 1 && index < result.shape.length - 1);
  if (axis === -1 || (axis === result.shape.length - 2 && !isVisible(right, services.limits))) {
    throw new LimitError(
      `matmul: the operands [${left.shape.join(", ")}] and [${right.shape.join(", ")}] are more than one webgpu kernel sees (${services.limits.maxStorageBufferBindingSize} bytes each); split them`,
      { left: left.shape, right: right.shape },
    );
  }
  const size = result.shape[axis] ?? 1;
  const half = Math.ceil(size / 2);
  const isBatch = axis < result.shape.length - 2;
  for (const [start, count] of [
    [0, half],
    [half, size - half],
  ] as const) {
    multiply(services, {
      left: cut(left, axis, start, count),
      right: isBatch ? cut(right, axis, start, count) : right,
      result: cut(result, axis, start, count),
    });
  }
}

function isVisible(view: StridedView, limits: GpuLimits): boolean {
  return bindingBytes(extentOf(view).count) <= limits.maxStorageBufferBindingSize;
}

function fits({ left, right, result }: Product, limits: GpuLimits): boolean {
  const isDispatchable = groupsOf(result).every(
    (count) => count <= limits.maxComputeWorkgroupsPerDimension,
  );
  return isDispatchable && [left, right, result].every((view) => isVisible(view, limits));
}

/** Rows per thread: 4 make the best use of a tile, 1 wastes less on few rows. */
function rowsPerThreadOf({ shape }: StridedView): number {
  return (shape.at(-2) ?? 1) > side ? 4 : 1;
}

function groupsOf(result: StridedView): [number, number, number] {
  const { shape } = result;
  return [
    Math.ceil((shape.at(-1) ?? 1) / tileColumns),
    Math.ceil((shape.at(-2) ?? 1) / (side * rowsPerThreadOf(result))),
    sizeOf(shape.slice(0, -2)),
  ];
}

function launch(services: WgslServices, { left, right, result }: Product): void {
  const rowsPerThread = rowsPerThreadOf(result);
  const isRightTransposed = right.strides.at(-1) !== 1 && right.strides.at(-2) === 1;
  const extents = [left, right, result].map(extentOf) as [Extent, Extent, Extent];
  launchWgsl(services, {
    name: `matmul/${rowsPerThread}${isRightTransposed ? "/transposed" : ""}`,
    code: () => code(rowsPerThread, isRightTransposed),
    operands: [extents[0], extents[1]],
    result: extents[2],
    parameters: ([firstLeft = 0, firstRight = 0, firstResult = 0]) => {
      const words = new Int32Array(24);
      const [rows = 1, columns = 1] = result.shape.slice(-2);
      words.set([
        rows,
        left.shape.at(-1) ?? 1,
        columns,
        firstLeft + left.offset - extents[0].first,
      ]);
      words.set([firstRight + right.offset - extents[1].first, firstResult], 4);
      words.set([left.strides.at(-2) ?? 0, left.strides.at(-1) ?? 0], 6);
      words.set([right.strides.at(-2) ?? 0, right.strides.at(-1) ?? 0], 8);
      words.set([result.strides.at(-2) ?? 0, rows * columns], 10);
      const batchShape = result.shape.slice(0, -2);
      const missing = maximumBatchRank - batchShape.length;
      words.fill(1, 12, 16);
      words.set(batchShape, 12 + missing);
      words.set(left.strides.slice(0, -2), 16 + missing);
      words.set(right.strides.slice(0, -2), 20 + missing);
      return words.buffer;
    },
    groups: groupsOf(result),
  });
}

type Extent = ReturnType<typeof extentOf>;
