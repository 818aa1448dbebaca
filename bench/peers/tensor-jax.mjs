import { defaultDevice, init, jit, nn, numpy as np, valueAndGrad } from "@jax-js/jax";

/** Functions by the operation of a case; each uses up its operands, as jax-js has it. */
const operations = {
  add: (a, b) => np.add(a, b),
  mul: (a, b) => np.multiply(a, b),
  exp: (a) => np.exp(a),
  gelu: (a) => nn.gelu(a, { approximate: false }),
  sum: (a) => np.sum(a),
  meanLast: (a) => np.mean(a, 1),
  meanFirst: (a) => np.mean(a, 0),
  softmax: (a) => nn.softmax(a),
  layerNorm: (a, weight, bias) => nn.standardize(a, -1, { epsilon: 1e-5 }).mul(weight).add(bias),
  matmul: (a, b) => np.matmul(a, b),
  matmulBackward: (a, b, g) => [
    np.matmul(g.ref, np.matrixTranspose(b)),
    np.matmul(np.matrixTranspose(a), g),
  ],
};

/** jax-js on its WebAssembly device, every case compiled by its `jit`. */
export async function openJax() {
  await init("wasm");
  defaultDevice("wasm");
  return {
    name: "jax-js 0.1.25",
    async prepare({ operation, inputs }) {
      // The threaded builds of the other peers leave a Worker in Node's globals, by which jax-js
      // would expect a memory that is shared.
      delete globalThis.Worker;
      const tensors = inputs.map(({ values, shape }) => np.array(values).reshape(shape));
      if (operation === "trainingStep") return trainingStep(tensors);
      const compute = operations[operation];
      if (compute === undefined) return undefined;
      const compiled = jit(compute);
      const results = () => [compiled(...tensors.map((tensor) => tensor.ref))].flat();
      return {
        run: async () => {
          for (const result of results()) {
            await result.blockUntilReady();
            result.dispose();
          }
        },
        result: () => {
          const [first, ...others] = results();
          for (const other of others) other.dispose();
          return Array.from(first.dataSync());
        },
        dispose: () => {
          for (const tensor of tensors) tensor.dispose();
        },
      };
    },
  };
}

/** The step of the suite's classifier, all of it in one compiled function. */
function trainingStep([x, labels, ...initial]) {
  const targets = nn.oneHot(labels.astype(np.int32), 10);
  const loss = ([w1, b1, w2, b2], inputs, wanted) => {
    const hidden = nn.relu(np.matmul(inputs, np.matrixTranspose(w1)).add(b1));
    const logits = np.matmul(hidden, np.matrixTranspose(w2)).add(b2);
    return np.sum(nn.logSoftmax(logits).mul(wanted)).mul(-1 / 128);
  };
  const [beta1, beta2] = [0.9, 0.999];
  const update = jit((parameters, firsts, seconds, inputs, wanted, stepSize, scale) => {
    const [value, gradients] = valueAndGrad(loss)(
      parameters.map((one) => one.ref),
      inputs,
      wanted,
    );
    const next = { parameters: [], firsts: [], seconds: [] };
    parameters.forEach((parameter, index) => {
      const g = gradients[index];
      const first = firsts[index].mul(beta1).add(g.ref.mul(1 - beta1));
      const second = seconds[index].mul(beta2).add(np.square(g).mul(1 - beta2));
      const divisor = np.sqrt(second.ref).mul(scale.ref).add(1e-8);
      next.parameters.push(parameter.sub(first.ref.mul(stepSize.ref).div(divisor)));
      next.firsts.push(first);
      next.seconds.push(second);
    });
    stepSize.dispose();
    scale.dispose();
    return [value, next.parameters, next.firsts, next.seconds];
  });
  let parameters = initial;
  let firsts = initial.map((one) => np.zerosLike(one.ref));
  let seconds = initial.map((one) => np.zerosLike(one.ref));
  let count = 0;
  const step = () => {
    count++;
    const stepSize = np.array(1e-3 / (1 - beta1 ** count));
    const scale = np.array(1 / Math.sqrt(1 - beta2 ** count));
    let value;
    [value, parameters, firsts, seconds] = update(
      parameters,
      firsts,
      seconds,
      x.ref,
      targets.ref,
      stepSize,
      scale,
    );
    return value.dataSync()[0];
  };
  return { run: step, result: () => [step()], dispose: () => {} };
}
