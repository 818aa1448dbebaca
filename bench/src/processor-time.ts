/**
 * Milliseconds of processor time that `run` takes: of code on one thread, its time on a machine where
 * nothing else runs. Unlike the clock, it does not count the turns of other processes.
 */
export async function processorTime(run: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
