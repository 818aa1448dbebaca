// Recurrent layers on ONNX Runtime's WebAssembly build. The model is written here, as protocol buffers:
// one operator with its weights.
import * as ort from "onnxruntime-web";

const floatType = 1;
const integerAttribute = 2;

function varint(value) {
  const bytes = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

const integer = (field, value) => Buffer.from([...varint(field << 3), ...varint(value)]);
const bytes = (field, value) =>
  Buffer.concat([Buffer.from([...varint((field << 3) | 2), ...varint(value.length)]), value]);
const text = (field, value) => bytes(field, Buffer.from(value));
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));

const initializer = (name, shape, data) =>
  message(
    5,
    ...shape.map((size) => integer(1, size)),
    integer(2, floatType),
    text(8, name),
    bytes(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  );

const valueInfo = (field, name, shape) =>
  message(
    field,
    text(1, name),
    message(
      2,
      message(
        1,
        integer(1, floatType),
        message(2, ...shape.map((size) => message(1, integer(1, size)))),
      ),
    ),
  );

function recurrentModel({ operator, steps, batch, inputSize, hiddenSize, weights }) {
  const attribute = (name, value) =>
    message(5, text(1, name), integer(3, value), integer(20, integerAttribute));
  const node = message(
    1,
    ...["X", "W", "R", "B"].map((name) => text(1, name)),
    text(2, "Y"),
    text(4, operator),
    attribute("hidden_size", hiddenSize),
    ...(operator === "GRU" ? [attribute("linear_before_reset", 1)] : []),
  );
  const graph = message(
    7,
    node,
    text(2, "layer"),
    ...Object.entries(weights).map(([name, { shape, data }]) => initializer(name, shape, data)),
    valueInfo(11, "X", [steps, batch, inputSize]),
    valueInfo(12, "Y", [steps, 1, batch, hiddenSize]),
  );
  return Buffer.concat([integer(1, 8), message(8, text(1, ""), integer(2, 14)), graph]);
}

/** Opens an `RNN`, `LSTM` or `GRU` operator: `run` takes `[T, B, I]` and gives `[T, 1, B, H]`. */
export async function openRecurrent(options) {
  ort.env.wasm.numThreads = options.threads;
  const session = await ort.InferenceSession.create(recurrentModel(options), {
    executionProviders: ["wasm"],
  });
  const { steps, batch, inputSize } = options;
  return {
    async run(input) {
      const X = new ort.Tensor("float32", input, [steps, batch, inputSize]);
      const { Y } = await session.run({ X });
      return Y.data;
    },
    dispose: () => session.release(),
  };
}
