import { Command, CommanderError } from "commander";
import { exitCodes, InterruptedError, oneLine } from "./exit";
import { createStyle } from "./presenters/style";
import { defaultPrompt } from "./read-prompt";

const examples = `
Examples:
  npm run demo
  npm run demo -- generate --prompt "Write a haiku about the sea." --temperature 0.7 --seed 1
  npm run demo -- generate --raw --prompt "The capital of France is" --max-tokens 8 --json
  npm run demo -- chat --system "You are a pirate."
  npm run demo -- serve --port 8000
  npm run demo -- compare --svg comparison.svg
  npm run demo -- models pull smollm2-135m-instruct`;

/** A command is loaded when it is named: what the server needs costs a tenth of a second. */
const commandLoaders: Readonly<Record<string, () => Promise<Command>>> = {
  generate: async () => (await import("./commands/generate")).generateCommand(),
  chat: async () => (await import("./commands/chat")).chatCommand(),
  serve: async () => (await import("./commands/serve")).serveCommand(),
  compare: async () => (await import("./commands/compare")).compareCommand(),
  bench: async () => (await import("./commands/bench/bench")).benchCommand(),
  models: async () => (await import("./commands/models")).modelsCommand(),
  train: async () => (await import("./commands/train")).trainCommand(),
};

/** The command that is asked for; all of them for a word that is none, so that help knows them. */
function loadCommands(name: string): Promise<Command[]> {
  const named = Object.hasOwn(commandLoaders, name) ? commandLoaders[name] : undefined;
  const loaders = named === undefined ? Object.values(commandLoaders) : [named];
  return Promise.all(loaders.map((load) => load()));
}

function createProgram(commands: readonly Command[]): Command {
  const program = new Command("npm run demo --")
    .description("Generate text with a language model, on this machine.")
    .usage("[generate|chat|serve|compare|bench|models|train] [options]")
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`${oneLine(withAdvice(text))}\n`) })
    .addHelpText("after", examples);
  for (const command of commands) {
    program.addCommand(command.copyInheritedSettings(program));
    for (const child of command.commands) child.copyInheritedSettings(command);
  }
  return program;
}

/** Words that stand alone are mostly a prompt without quotes, or options before npm's `--`. */
function withAdvice(text: string): string {
  if (!/too many arguments|unknown command/.test(text)) return text;
  return `${text.trimEnd().replace(/\.?$/, ".")} Write a prompt as --prompt "…", after npm's --.`;
}

/** Without a command, a prompt is answered: the one of the options, or the default one. */
function withDefaultCommand(parameters: readonly string[]): readonly string[] {
  const [first] = parameters;
  // Not left to `generate`: a bare run must not wait for a standard input that nobody writes to.
  if (first === undefined) return ["generate", "--prompt", defaultPrompt];
  const isOption = first.startsWith("-") && first !== "-h" && first !== "--help";
  return isOption ? ["generate", ...parameters] : parameters;
}

function report(error: unknown): void {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
  } else if (error instanceof InterruptedError) {
    process.exitCode = error.exitCode;
    process.stderr.write("stopped\n");
  } else {
    process.exitCode = exitCodes.failure;
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${createStyle(process.stderr).red("error:")} ${oneLine(message)}\n`);
  }
}

/** A reader that has seen enough (`| head`) is no error. */
function endQuietlyWithReader(): void {
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    report(error);
    process.exit(exitCodes.failure);
  };
  process.stdout.on("error", onError);
  process.stderr.on("error", onError);
}

endQuietlyWithReader();
try {
  const parameters = withDefaultCommand(process.argv.slice(2));
  const program = createProgram(await loadCommands(parameters[0] ?? ""));
  await program.parseAsync(parameters, { from: "user" });
} catch (error) {
  report(error);
}
