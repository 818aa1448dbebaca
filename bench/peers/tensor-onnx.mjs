import * as native from "onnxruntime-node";
import * as web from "onnxruntime-web/wasm";
import { onnxModel } from "./onnx-model.mjs";

/** One node of `type` over the inputs, in order. */
const single = (type, attributes) => (inputs, output) => ({
  nodes: [{ type, inputs: Object.keys(inputs), outputs: Object.keys(output), attributes }],
});

const reduction = (type, axes) => (_inputs, output) => ({
  nodes: [
    { type, inputs: ["input0", "axes"], outputs: Object.keys(output), attributes: { keepdims: 0 } },
  ],
  integers: { axes },
});

/** Graphs by the operation of a case. Gradients of a product are two products. */
const graphs = {
  add: single("Add"),
  mul: single("Mul"),
  exp: single("Exp"),
  gelu: single("Gelu"),
  softmax: single("Softmax", { axis: -1 }),
  layerNorm: single("LayerNormalization", { axis: -1, epsilon: 1e-5 }),
  matmul: single("MatMul"),
  sum: reduction("ReduceSum", [0, 1]),
  meanLast: reduction("ReduceMean", [1]),
  meanFirst: reduction("ReduceMean", [0]),
  matmulBackward: () => ({
    nodes: [
      {
        type: "Gemm",
        inputs: ["input2", "input1"],
        outputs: ["output0"],
        attributes: { transB: 1 },
      },
      {
        type: "Gemm",
        inputs: ["input0", "input2"],
        outputs: ["output1"],
        attributes: { transA: 1 },
      },
    ],
  }),
};

/** ONNX Runtime Web on one thread. Its sessions copy inputs and results, as every caller's do. */
export async function openOnnx() {
  web.env.wasm.numThreads = 1;
  web.env.logLevel = "error";
  return openRuntime(web, "onnxruntime-web 1.30.0", { executionProviders: ["wasm"] });
}

/** ONNX Runtime's native code on one thread. */
export async function openNativeOnnx() {
  const options = { executionProviders: ["cpu"], intraOpNumThreads: 1, interOpNumThreads: 1 };
  return openRuntime(native, "onnxruntime-node 1.30.0, native", options);
}

function openRuntime(ort, name, options) {
  return {
    name,
    async prepare({ operation, inputs, outputs }) {
      const graph = graphs[operation];
      if (graph === undefined) return undefined;
      const named = (list) => Object.fromEntries(list.map(({ name, shape }) => [name, shape]));
      const inputShapes = named(
        inputs.map(({ shape }, index) => ({ name: `input${index}`, shape })),
      );
      const outputShapes = named(
        outputs.map((shape, index) => ({ name: `output${index}`, shape })),
      );
      const model = onnxModel({
        ...graph(inputShapes, outputShapes),
        inputs: inputShapes,
        outputs: outputShapes,
      });
      const session = await ort.InferenceSession.create(model, options);
      const feeds = Object.fromEntries(
        inputs.map(({ values, shape }, index) => [
          `input${index}`,
          new ort.Tensor("float32", values, shape),
        ]),
      );
      return {
        run: async () => void (await session.run(feeds)),
        result: async () => Array.from((await session.run(feeds)).output0.data),
        dispose: () => session.release(),
      };
    },
  };
}
