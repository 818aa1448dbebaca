// A recurrent network trained by brain.js, in plain JavaScript on one thread.
import brain from "brain.js";

/**
 * Opens an LSTM that predicts the next input of a sequence with a linear head; `step` is one update
 * by one of the sequences, in turn. brain.js has no batches, and hands on the hidden state in place of
 * a cell; the matrices and their products are those of an LSTM.
 */
export function openPrediction({ sequences, inputSize, hiddenSize, learningRate }) {
  const network = new brain.recurrent.LSTMTimeStep({
    inputSize,
    hiddenLayers: [hiddenSize],
    outputSize: inputSize,
    learningRate,
  });
  network.initialize();
  let turn = 0;
  return {
    step: () => network.trainPattern(sequences[turn++ % sequences.length], true),
  };
}
