let recording = true;

/** Whether operations on tracked tensors are recorded at present. @internal */
export function isRecording(): boolean {
  return recording;
}

/** Runs `compute` with recording switched on or off. @internal */
export function withRecording<Result>(isOn: boolean, compute: () => Result): Result {
  const before = recording;
  recording = isOn;
  try {
    return compute();
  } finally {
    recording = before;
  }
}

/**
 * Runs `compute` without recording: its results have no gradient, and nothing is saved for one.
 *
 * @param compute - A synchronous function; recording is on again when it returns.
 *
 * @example
 * ```ts
 * const accuracy = noGrad(() => mean(equal(argmax(model(inputs)), labels)));
 * ```
 */
export function noGrad<Result>(compute: () => Result): Result {
  return withRecording(false, compute);
}
