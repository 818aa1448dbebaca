import type { Implementation } from "../../ops/operation";
import { sizeOf } from "../../shape";
import { bindingBytes } from "../gpu-range";
import { cut, extentOf, type StridedView, viewOf } from "./strided-view";
import { foldGroups, launchWgsl, operand, type WgslServices } from "./wgsl-kernel";

/** Dimensions that the kernel walks. */
const maximumRank = 6;
const threads = 64;

const code = () => `
struct Parameters {
  count : u32,
  groups_per_line : u32,
  first_result : u32,
  first : i32,
  shape : array<vec4<u32>, 2>,
  strides : array<vec4<i32>, 2>,
}
@group(0) @binding(0) var<uniform> parameters : Parameters;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var<storage, read_write> result : array<f32>;

@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) group : vec3<u32>,
  @builtin(local_invocation_index) thread : u32,
) {
  let cell = (group.x + group.y * parameters.groups_per_line) * ${threads}u + thread;
  if (cell >= parameters.count) { return; }
  var rest = cell;
  var at = parameters.first;
  for (var axis = ${maximumRank - 1}i; axis >= 0i; axis--) {
    let size = parameters.shape[axis / 4i][axis % 4i];
    at += i32(rest % size) * parameters.strides[axis / 4i][axis % 4i];
    rest = rest / size;
  }
  result[parameters.first_result + cell] = x[at];
}`;

/** The copy of a view in row-major order: exact indexes up to 2^31, and negative strides. */
export function copyStrided(services: WgslServices): Implementation {
  return {
    accepts: (inputs) => operand(inputs, 0).rank <= maximumRank,
    run: (inputs, outputs) => {
      const source = viewOf(operand(inputs, 0));
      if (sizeOf(source.shape) === 0) return;
      copy(services, source, viewOf(operand(outputs, 0)));
    },
  };
}

/** Cuts the slowest dimension in two until a kernel sees all of both. */
function copy(services: WgslServices, source: StridedView, target: StridedView): void {
  const visible = services.limits.maxStorageBufferBindingSize;
  const isVisible = (view: StridedView) => bindingBytes(extentOf(view).count) <= visible;
  const axis = source.shape.findIndex((size) => size > 1);
  if (axis === -1 || (isVisible(source) && isVisible(target))) {
    launch(services, source, target);
    return;
  }
  const size = source.shape[axis] ?? 1;
  const half = Math.ceil(size / 2);
  copy(services, cut(source, axis, 0, half), cut(target, axis, 0, half));
  copy(services, cut(source, axis, half, size - half), cut(target, axis, half, size - half));
}

function launch(services: WgslServices, source: StridedView, target: StridedView): void {
  const count = sizeOf(source.shape);
  const groups = foldGroups(Math.ceil(count / threads), services.limits);
  const extent = extentOf(source);
  const missing = maximumRank - source.shape.length;
  launchWgsl(services, {
    name: "contiguous",
    code,
    operands: [extent],
    result: { ...extentOf(target), count },
    parameters: ([first = 0, firstResult = 0]) => {
      const words = new Int32Array(20);
      words.set([count, groups[0], firstResult, first + source.offset - extent.first]);
      words.fill(1, 4, 12);
      words.set(source.shape, 4 + missing);
      words.set(source.strides, 12 + missing);
      return words.buffer;
    },
    groups,
  });
}
