import { type Implementation, rowsOf } from "../../ops/operation";
import { assertLimit } from "../gpu-limits";
import { bindingBytes } from "../gpu-range";
import { elementsOf, foldGroups, launchWgsl, operand, type WgslServices } from "./wgsl-kernel";

/** Threads that share one row. */
const threads = 256;

/** Declarations that every kernel over rows begins with; one workgroup computes one row. */
function prologue(operands: readonly string[]): string {
  const bindings = [...operands, "result"].map((name, index) => {
    const access = name === "result" ? "read_write" : "read";
    return `@group(0) @binding(${index + 1}) var<storage, ${access}> ${name} : array<f32>;`;
  });
  const firsts = [...operands, "result"].map((name) => `  first_${name} : u32,`);
  return `
struct Parameters {
  rows : u32,
  columns : u32,
  groups_per_line : u32,
  epsilon : f32,
${firsts.join("\n")}
}
@group(0) @binding(0) var<uniform> parameters : Parameters;
${bindings.join("\n")}
var<workgroup> shared_values : array<f32, ${threads}>;

// Comparing with itself would do, but compilers may assume that there is no NaN; exp need not keep it.
fn is_nan(value : f32) -> bool {
  return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

fn exponential(value : f32) -> f32 {
  if (is_nan(value)) { return value; }
  return exp(value);
}

fn larger(left : f32, right : f32) -> f32 {
  if (is_nan(left) || left > right) { return left; }
  if (is_nan(right) || right > left) { return right; }
  return left;
}

fn total_of(thread : u32, value : f32) -> f32 {
  shared_values[thread] = value;
  for (var reach = ${threads / 2}u; reach > 0u; reach = reach / 2u) {
    workgroupBarrier();
    if (thread < reach) { shared_values[thread] += shared_values[thread + reach]; }
  }
  let total = workgroupUniformLoad(&shared_values[0]);
  workgroupBarrier();
  return total;
}

fn maximum_of(thread : u32, value : f32) -> f32 {
  shared_values[thread] = value;
  for (var reach = ${threads / 2}u; reach > 0u; reach = reach / 2u) {
    workgroupBarrier();
    if (thread < reach) {
      shared_values[thread] = larger(shared_values[thread], shared_values[thread + reach]);
    }
  }
  let maximum = workgroupUniformLoad(&shared_values[0]);
  workgroupBarrier();
  return maximum;
}

@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) group : vec3<u32>,
  @builtin(local_invocation_index) thread : u32,
) {
  let row = group.x + group.y * parameters.groups_per_line;
  if (row >= parameters.rows) { return; }
  let columns = parameters.columns;
  let input_row = parameters.first_x + row * columns;
  let result_row = parameters.first_result + row * columns;`;
}

const eachColumn = `for (var column = thread; column < columns; column += ${threads}u)`;

const softmaxCode = () => `${prologue(["x"])}
  // A thread without a column repeats the first, so that a maximum exists.
  var own = x[input_row + select(0u, thread, thread < columns)];
  ${eachColumn} { own = larger(own, x[input_row + column]); }
  let maximum = maximum_of(thread, own);
  var sum = 0.0;
  ${eachColumn} { sum += exponential(x[input_row + column] - maximum); }
  let total = total_of(thread, sum);
  ${eachColumn} { result[result_row + column] = exponential(x[input_row + column] - maximum) / total; }
}`;

const rmsNormCode = () => `${prologue(["x", "weight"])}
  var sum = 0.0;
  ${eachColumn} { let value = x[input_row + column]; sum += value * value; }
  let inverse = 1.0 / sqrt(total_of(thread, sum) / f32(columns) + parameters.epsilon);
  ${eachColumn} {
    let scale = weight[parameters.first_weight + column];
    result[result_row + column] = x[input_row + column] * inverse * scale;
  }
}`;

const layerNormCode = () => `${prologue(["x", "weight", "bias"])}
  var sum = 0.0;
  ${eachColumn} { sum += x[input_row + column]; }
  let mean = total_of(thread, sum) / f32(columns);
  // A second pass over the differences: the mean of squares less the square of the mean cancels.
  var squares = 0.0;
  ${eachColumn} { let difference = x[input_row + column] - mean; squares += difference * difference; }
  let inverse = 1.0 / sqrt(total_of(thread, squares) / f32(columns) + parameters.epsilon);
  ${eachColumn} {
    let normal = (x[input_row + column] - mean) * inverse;
    let scale = weight[parameters.first_weight + column];
    result[result_row + column] = normal * scale + bias[parameters.first_bias + column];
  }
}`;

/** `softmax` over the last dimension. */
export function softmax(services: WgslServices): Implementation {
  return rowImplementation(services, "softmax", softmaxCode);
}

/** `rmsNorm` over the last dimension: operands x and weight. */
export function rmsNorm(services: WgslServices): Implementation {
  return rowImplementation(services, "rmsNorm", rmsNormCode);
}

/** `layerNorm` over the last dimension: operands x, weight and bias. */
export function layerNorm(services: WgslServices): Implementation {
  return rowImplementation(services, "layerNorm", layerNormCode);
}

/** The first operand and the result go by rows; the others are one row, for all. */
function rowImplementation(
  services: WgslServices,
  name: string,
  code: () => string,
): Implementation {
  return {
    accepts: (inputs) =>
      inputs.every(({ isContiguous, dtype }) => isContiguous && dtype === "float32"),
    run: (inputs, outputs, attributes) => {
      const input = operand(inputs, 0);
      const output = operand(outputs, 0);
      if (input.size === 0) return;
      const { rows, columns } = rowsOf(input.shape);
      const epsilon = (attributes as { epsilon?: number } | undefined)?.epsilon ?? 0;
      const perLaunch = rowsPerLaunch(services, name, columns);
      for (let row = 0; row < rows; row += perLaunch) {
        const count = Math.min(perLaunch, rows - row);
        const groups = foldGroups(count, services.limits);
        launchWgsl(services, {
          name,
          code,
          operands: [
            elementsOf(input, row * columns, count * columns),
            ...inputs.slice(1).map((other) => elementsOf(other, 0, other.size)),
          ],
          result: elementsOf(output, row * columns, count * columns),
          parameters: (firsts) => {
            const words = new Uint32Array(4 + 4 * Math.ceil(firsts.length / 4));
            words.set([count, columns, groups[0]]);
            new Float32Array(words.buffer)[3] = epsilon;
            words.set(firsts, 4);
            return words.buffer;
          },
          groups,
        });
      }
    },
  };
}

/** As many rows as a kernel sees and as one launch has workgroups for. */
function rowsPerLaunch({ limits }: WgslServices, name: string, columns: number): number {
  const visible = limits.maxStorageBufferBindingSize;
  const needed = bindingBytes(columns);
  assertLimit(
    limits,
    "maxStorageBufferBindingSize",
    needed,
    `a row of ${name}`,
    "use shorter rows",
  );
  const rows = Math.floor((visible - bindingBytes(0)) / (columns * 4));
  return Math.min(rows, limits.maxComputeWorkgroupsPerDimension ** 2);
}
