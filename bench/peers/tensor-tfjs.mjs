import { createRequire } from "node:module";
import { dirname } from "node:path";
import tf from "@tensorflow/tfjs";
import wasm from "@tensorflow/tfjs-backend-wasm";

/** Functions by the operation of a case, over tensors. */
const operations = {
  add: (a, b) => tf.add(a, b),
  mul: (a, b) => tf.mul(a, b),
  exp: (a) => tf.exp(a),
  gelu: (a) => tf.mul(tf.mul(a, 0.5), tf.add(tf.erf(tf.mul(a, Math.SQRT1_2)), 1)),
  sum: (a) => tf.sum(a),
  meanLast: (a) => tf.mean(a, 1),
  meanFirst: (a) => tf.mean(a, 0),
  softmax: (a) => tf.softmax(a),
  layerNorm: (a, weight, bias) => {
    const { mean, variance } = tf.moments(a, -1, true);
    const normalized = tf.mul(tf.sub(a, mean), tf.rsqrt(tf.add(variance, 1e-5)));
    return tf.add(tf.mul(normalized, weight), bias);
  },
  matmul: (a, b) => tf.matMul(a, b),
  matmulBackward: (a, b, g) => [tf.matMul(g, b, false, true), tf.matMul(a, g, true, false)],
};

/** TensorFlow.js on one of its backends. */
export async function openTfjs(backend) {
  if (backend === "wasm") {
    const resolve = createRequire(import.meta.url).resolve;
    wasm.setWasmPaths(`${dirname(resolve("@tensorflow/tfjs-backend-wasm"))}/`);
    wasm.setThreadsCount(1);
  }
  await tf.setBackend(backend);
  await tf.ready();
  return {
    name: `tfjs-${backend} 4.22.0`,
    async prepare({ operation, inputs }) {
      await tf.setBackend(backend);
      const tensors = inputs.map(({ values, shape }) => tf.tensor(values, shape));
      const select = () => tf.setBackend(backend);
      const dispose = () => tf.dispose(tensors);
      if (operation === "trainingStep") return { ...trainingStep(tensors), select, dispose };
      const compute = operations[operation];
      if (compute === undefined) return undefined;
      return {
        select,
        run: () => tf.dispose(tf.tidy(() => compute(...tensors))),
        result: () => tf.tidy(() => Array.from([compute(...tensors)].flat()[0].dataSync())),
        dispose,
      };
    },
  };
}

/** The step of the suite's classifier: two layers, cross entropy, Adam. */
function trainingStep([x, labels, w1, b1, w2, b2]) {
  const [weight1, bias1, weight2, bias2] = [w1, b1, w2, b2].map((one) => tf.variable(one));
  const optimizer = tf.train.adam(1e-3);
  const targets = tf.oneHot(tf.cast(labels, "int32"), 10);
  const loss = () => {
    const hidden = tf.relu(tf.add(tf.matMul(x, weight1, false, true), bias1));
    const logits = tf.add(tf.matMul(hidden, weight2, false, true), bias2);
    return tf.losses.softmaxCrossEntropy(targets, logits);
  };
  const step = () => tf.tidy(() => optimizer.minimize(loss, true).dataSync()[0]);
  return { run: step, result: () => [step()] };
}
