import * as ort from "onnxruntime-web/wasm";
import { onnxModel } from "./onnx-model.mjs";

/**
 * Attention in onnxruntime-web's WebAssembly backend on one thread, not causal, for a harness that
 * runs in the same process.
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
  const { nodes, inputs, outputs } =
    kind === "fused" ? fused(tokens, heads, headSize) : unfused(tokens, heads, headSize);
  const model = onnxModel({ nodes, inputs, outputs });
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => [name, randomTensor(shape)]),
  );
  return {
    attend: async () => {
      const { output } = await session.run(feeds);
      output.dispose();
    },
    dispose: () => session.release(),
  };
}

function randomTensor(shape) {
  const size = shape.reduce((product, length) => product * length, 1);
  const values = Float32Array.from({ length: size }, () => 3 * Math.random() - 1.5);
  return new ort.Tensor("float32", values, shape);
}

function fused(tokens, heads, headSize) {
  const shape = [1, tokens, heads * headSize];
  const attention = {
    type: "MultiHeadAttention",
    inputs: ["q", "k", "v"],
    outputs: ["output"],
    attributes: { num_heads: heads },
    domain: "com.microsoft",
  };
  return {
    nodes: [attention],
    inputs: { q: shape, k: shape, v: shape },
    outputs: { output: shape },
  };
}

function unfused(tokens, heads, headSize) {
  const shape = [1, heads, tokens, headSize];
  const nodes = [
    { type: "MatMul", inputs: ["q", "k"], outputs: ["scores"] },
    { type: "Softmax", inputs: ["scores"], outputs: ["weights"], attributes: { axis: -1 } },
    { type: "MatMul", inputs: ["weights", "v"], outputs: ["output"] },
  ];
  const inputs = { q: shape, k: [1, heads, headSize, tokens], v: shape };
  return { nodes, inputs, outputs: { output: shape } };
}
