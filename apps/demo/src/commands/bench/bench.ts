import { Command } from "commander";
import { benchLatencyCommand } from "./latency";
import { benchServeCommand } from "./serve";
import { benchThroughputCommand } from "./throughput";

/** `bench`: measures a server, or an engine in this process, as vLLM's command of that name does. */
export function benchCommand(): Command {
  return new Command("bench")
    .description("measure a server, or an engine in this process")
    .addCommand(benchServeCommand())
    .addCommand(benchThroughputCommand())
    .addCommand(benchLatencyCommand());
}
