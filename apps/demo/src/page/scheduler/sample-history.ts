/** A figure at a time, in milliseconds. */
export interface Sample {
  readonly at: number;
  readonly value: number;
}

/** What a figure was over the last minute. */
export class SampleHistory {
  /** How far back it reaches, in milliseconds. */
  static readonly spanMs = 60_000;
  /** Between two samples that are kept, in milliseconds; the last is always the newest. */
  static readonly intervalMs = 500;
  readonly samples: Sample[] = [];

  add(value: number, at: number): void {
    const { samples } = this;
    const previous = samples.at(-2);
    if (previous !== undefined && at - previous.at < SampleHistory.intervalMs) samples.pop();
    samples.push({ at, value });
    while (samples[0] !== undefined && samples[0].at < at - SampleHistory.spanMs) samples.shift();
  }
}
