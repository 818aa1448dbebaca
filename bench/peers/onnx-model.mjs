/**
 * Writes small ONNX models, so that a benchmark needs no model file: the fields of the protocol
 * buffers `ModelProto`, `GraphProto`, `NodeProto` and `AttributeProto` that one graph takes.
 */

/** An integer as the format has it: groups of 7 bits; negative ones as 64 bits. */
function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest % 128n) + 128);
    rest /= 128n;
  }
  return [...bytes, Number(rest)];
}

const integer = (field, value) => [...varint(field * 8), ...varint(value)];
const message = (field, bytes) => [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
const text = (field, value) => message(field, [...new TextEncoder().encode(value)]);

function float(field, value) {
  return [...varint(field * 8 + 5), ...new Uint8Array(Float32Array.of(value).buffer)];
}

function attribute(name, value) {
  const types = { float: 1, integer: 2, integers: 7 };
  if (Array.isArray(value)) {
    const items = value.flatMap((item) => integer(8, item));
    return [...text(1, name), ...items, ...integer(20, types.integers)];
  }
  if (Number.isInteger(value))
    return [...text(1, name), ...integer(3, value), ...integer(20, types.integer)];
  return [...text(1, name), ...float(2, value), ...integer(20, types.float)];
}

function node({ type, inputs, outputs, attributes = {}, domain }) {
  return [
    ...inputs.flatMap((name) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(4, type),
    ...Object.entries(attributes).flatMap(([name, value]) => message(5, attribute(name, value))),
    ...(domain === undefined ? [] : text(7, domain)),
  ];
}

/** A float32 tensor of `shape`. */
function valueInfo(name, shape) {
  const dimensions = shape.flatMap((size) => message(1, integer(1, size)));
  const tensor = [...integer(1, 1), ...message(2, dimensions)];
  return [...text(1, name), ...message(2, message(1, tensor))];
}

/** An int64 vector. */
function integerVector(name, values) {
  const data = [...new Uint8Array(BigInt64Array.from(values, BigInt).buffer)];
  return [...integer(1, values.length), ...integer(2, 7), ...text(8, name), ...message(9, data)];
}

/**
 * @param {object} graph
 * @param {{ type: string, inputs: string[], outputs: string[], attributes?: object, domain?: string }[]} graph.nodes
 * @param {Record<string, number[]>} graph.inputs - Shapes by name.
 * @param {Record<string, number[]>} graph.outputs - Shapes by name.
 * @param {Record<string, number[]>} [graph.integers] - Constant int64 vectors by name.
 * @returns {Uint8Array}
 */
export function onnxModel({ nodes, inputs, outputs, integers = {} }) {
  const graph = [
    ...nodes.flatMap((one) => message(1, node(one))),
    ...text(2, "benchmark"),
    ...Object.entries(integers).flatMap(([name, values]) =>
      message(5, integerVector(name, values)),
    ),
    ...Object.entries(inputs).flatMap(([name, shape]) => message(11, valueInfo(name, shape))),
    ...Object.entries(outputs).flatMap(([name, shape]) => message(12, valueInfo(name, shape))),
  ];
  const operators = message(8, integer(2, 20));
  const domains = new Set(nodes.flatMap(({ domain }) => domain ?? []));
  const contributed = [...domains].flatMap((one) =>
    message(8, [...text(1, one), ...integer(2, 1)]),
  );
  return Uint8Array.from([...integer(1, 9), ...message(7, graph), ...operators, ...contributed]);
}
