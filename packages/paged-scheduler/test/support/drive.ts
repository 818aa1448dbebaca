import type { Scheduler, SchedulerOutput } from "../../src/index";

/** Sampled tokens for a step: `token` wherever the step samples. */
export function sampleAll(step: SchedulerOutput, token = 7): number[][] {
  return step.scheduled.map(({ numSamples }) => new Array<number>(numSamples).fill(token));
}

/** Tokens of each scheduled request, by id. */
export function tokensById(step: SchedulerOutput): Record<string, number> {
  return Object.fromEntries(step.scheduled.map((entry) => [entry.id, entry.numScheduledTokens]));
}

/** Schedules and updates one step with `token` as every sampled token. */
export function advance(scheduler: Scheduler, token = 7): SchedulerOutput {
  const step = scheduler.schedule();
  scheduler.update(step, sampleAll(step, token));
  return step;
}

/** Ids of the running and of the waiting requests, in order. */
export function queues(scheduler: Scheduler): { running: string[]; waiting: string[] } {
  const { running, waiting } = scheduler.snapshot();
  return { running: running.map(({ id }) => id), waiting: waiting.map(({ id }) => id) };
}
