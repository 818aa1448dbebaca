// A recurrent network trained by TensorFlow.js on its WebAssembly backend, one thread.
import { createRequire } from "node:module";
import { dirname } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

const require = createRequire(import.meta.url);

/** Opens an LSTM with a linear head; `step` is one update by plain descent. */
export async function openTraining({ steps, batch, inputSize, hiddenSize, threads }) {
  setThreadsCount(threads);
  setWasmPaths(`${dirname(require.resolve("@tensorflow/tfjs-backend-wasm"))}/`);
  await tf.setBackend("wasm");
  await tf.ready();
  const model = tf.sequential({
    layers: [
      tf.layers.lstm({
        units: hiddenSize,
        inputShape: [steps, inputSize],
        recurrentActivation: "sigmoid",
        recurrentInitializer: "glorotNormal",
      }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  model.compile({ optimizer: tf.train.sgd(0.01), loss: "meanSquaredError" });
  const inputs = tf.randomNormal([batch, steps, inputSize]);
  const targets = tf.randomNormal([batch, 1]);
  return {
    step: () => model.trainOnBatch(inputs, targets),
    async dispose() {
      inputs.dispose();
      targets.dispose();
      model.dispose();
    },
  };
}
