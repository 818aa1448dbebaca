import ort from "onnxruntime-web";

/**
 * Attention in onnxruntime-web's WebAssembly backend on one thread, not causal, for a harness that
 * runs in the same process. The model is made here, as there is no file to load.
 *
 * @param {object} options
 * @param {"fused" | "unfused"} options.kind - The `MultiHeadAttention` of `com.microsoft`, or the
 * graph MatMul, Softmax, MatMul over `[heads, tokens, headSize]` with the keys transposed already.
 * @param {number} options.tokens
 * @param {number} options.heads
 * @param {number} options.headSize
 * @returns {Promise<{ attend: () => Promise<void>, dispose: () => Promise<void> }>}
 */
export async function openAttention({ kind, tokens, heads, headSize }) {
  ort.env.wasm.numThreads = 1;
  const { model, shapes } =
    kind === "fused" ? fusedModel(tokens, heads, headSize) : unfusedModel(tokens, heads, headSize);
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const feeds = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, randomTensor(shape)]),
  );
  return {
    attend: async () => {
      await session.run(feeds);
    },
    dispose: () => session.release(),
  };
}

function randomTensor(shape) {
  const size = shape.reduce((product, length) => product * length, 1);
  const values = Float32Array.from({ length: size }, () => 3 * Math.random() - 1.5);
  return new ort.Tensor("float32", values, shape);
}

function fusedModel(tokens, heads, headSize) {
  const shape = [1, tokens, heads * headSize];
  const shapes = { q: shape, k: shape, v: shape };
  const attention = node("MultiHeadAttention", ["q", "k", "v"], ["o"], {
    attributes: [integerAttribute("num_heads", heads)],
    domain: "com.microsoft",
  });
  return { shapes, model: encodeModel([attention], shapes, { o: shape }) };
}

function unfusedModel(tokens, heads, headSize) {
  const shape = [1, heads, tokens, headSize];
  const shapes = { q: shape, k: [1, heads, headSize, tokens], v: shape };
  const nodes = [
    node("MatMul", ["q", "k"], ["scores"]),
    node("Softmax", ["scores"], ["weights"], { attributes: [integerAttribute("axis", -1)] }),
    node("MatMul", ["weights", "v"], ["o"]),
  ];
  return { shapes, model: encodeModel(nodes, shapes, { o: shape }) };
}

// ONNX files are protocol buffers; these few fields are all that the models need.

function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

function message(field, bytes) {
  return [...varint((field << 3) | 2), ...varint(bytes.length), ...bytes];
}

function integer(field, value) {
  return [...varint(field << 3), ...varint(value)];
}

function string(field, text) {
  return message(field, new TextEncoder().encode(text));
}

function integerAttribute(name, value) {
  return [...string(1, name), ...integer(3, value), ...integer(20, 2)];
}

function node(operator, inputs, outputs, { attributes = [], domain = "" } = {}) {
  return [
    ...inputs.flatMap((name) => string(1, name)),
    ...outputs.flatMap((name) => string(2, name)),
    ...string(4, operator),
    ...attributes.flatMap((attribute) => message(5, attribute)),
    ...(domain === "" ? [] : string(7, domain)),
  ];
}

function valueInfo([name, shape]) {
  const dimensions = shape.flatMap((size) => message(1, integer(1, size)));
  const tensorType = [...integer(1, 1), ...message(2, dimensions)];
  return [...string(1, name), ...message(2, message(1, tensorType))];
}

function encodeModel(nodes, inputs, outputs) {
  const graph = [
    ...nodes.flatMap((bytes) => message(1, bytes)),
    ...string(2, "attention"),
    ...Object.entries(inputs).flatMap((entry) => message(11, valueInfo(entry))),
    ...Object.entries(outputs).flatMap((entry) => message(12, valueInfo(entry))),
  ];
  const opset = (domain, version) => message(8, [...string(1, domain), ...integer(2, version)]);
  return new Uint8Array([
    ...integer(1, 8),
    ...message(7, graph),
    ...opset("", 17),
    ...opset("com.microsoft", 1),
  ]);
}
