import { requireArgument, requireTokens } from "./request";
import type { ScheduledRequest, SchedulerOutput } from "./scheduler-output";

/**
 * Throws unless the model's results fit the step: one list per request, of the length that the
 * request asked for, whose accepted drafts are the drafts that were scheduled.
 */
export function requireSampledTokens(
  output: SchedulerOutput,
  sampled: readonly ArrayLike<number>[],
): void {
  requireArgument(
    sampled.length === output.scheduled.length,
    `${sampled.length} lists of sampled tokens for ${output.scheduled.length} scheduled requests; pass one per request, in order`,
    { sampled: sampled.length, scheduled: output.scheduled.length },
  );
  output.scheduled.forEach((entry, index) => {
    const tokens = sampled[index] as ArrayLike<number>;
    const [least, most] = lengths(entry);
    requireArgument(
      tokens.length >= least && tokens.length <= most,
      `${tokens.length} tokens sampled for "${entry.id}"; pass from ${least} to ${most}`,
      { id: entry.id, sampled: tokens.length, least, most },
    );
    requireTokens(tokens, "sampled");
    for (let position = 0; position < tokens.length - 1 && entry.numSamples === 1; position++) {
      requireArgument(
        tokens[position] === entry.draftTokens[position],
        `token ${position} sampled for "${entry.id}" is ${tokens[position]} and the draft ${entry.draftTokens[position]}; stop at the first draft that the model does not accept`,
        { id: entry.id, position, sampled: tokens[position], draft: entry.draftTokens[position] },
      );
    }
  });
}

function lengths({ numLogitRows, numSamples }: ScheduledRequest): [number, number] {
  return numSamples === 1 ? [1, numLogitRows] : [numSamples, numSamples];
}
