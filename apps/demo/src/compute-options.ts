import { type Command, InvalidArgumentError, Option } from "commander";
import { numberParser } from "./arguments";

/** Adds the options that say how the processor computes, of every command that opens a model. */
export function addComputeOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--threads <number>",
        "threads that compute (default: all of the machine, at most 8)",
      ).argParser(numberParser({ minimum: 1, maximum: 256, integer: true })),
    )
    .addOption(
      new Option(
        "--activation-bits <bits>",
        "8: faster where the processor multiplies bytes; 16: near float32 (default: 16)",
      ).argParser(parseBits),
    );
}

function parseBits(text: string): 8 | 16 {
  if (text === "8") return 8;
  if (text === "16") return 16;
  throw new InvalidArgumentError("Use 8 or 16.");
}
