import type { LanguageModel } from "@x/models";
import { XError } from "@x/tensor";
import { Command } from "commander";
import { Conversation } from "../conversation";
import { exitCodes, oneLine, UsageError } from "../exit";
import {
  addGenerationOptions,
  type GenerationCommandOptions,
  toGenerateOptions,
} from "../generation-options";
import { listenForInterruption, oncePerInterrupt } from "../interruption";
import { LineReader } from "../line-reader";
import { openModel } from "../open-model";
import { createProgress } from "../presenters/progress";
import { createStyle } from "../presenters/style";
import { peakMemoryBytes, summarize } from "../presenters/summary";
import { formatCount } from "../presenters/units";
import { streamAnswer } from "../stream-answer";

const help = `/reset          forget the conversation
/system TEXT    set the system prompt; alone: show it
/exit           leave (or Ctrl-D)
Ctrl-C          stop the answer; at an empty prompt: leave
`;

/** `chat`: a conversation that keeps its key/value cache between turns. */
export function chatCommand(): Command {
  const command = new Command("chat").description("talk with a model");
  // What the authors of SmolLM2 advise for conversations.
  const defaults = { maxTokens: 512, temperature: 0.2, topP: 0.9 };
  return addGenerationOptions(command, defaults)
    .addHelpText("after", `\nIn the chat:\n${help.replace(/^/gm, "  ").trimEnd()}`)
    .action(chat);
}

async function chat(options: GenerationCommandOptions): Promise<void> {
  using model = await openForChat(options);
  using session = new ChatSession(model, options);
  await session.run();
}

async function openForChat(options: GenerationCommandOptions): Promise<LanguageModel> {
  using interruption = listenForInterruption();
  const progress = createProgress(process.stderr);
  const model = await openModel(options, { progress, signal: interruption.signal });
  if (model.chatTemplate !== undefined) return model;
  model.dispose();
  throw new UsageError(`${model.name} has no chat template; use generate --raw`);
}

class ChatSession implements Disposable {
  readonly #model: LanguageModel;
  readonly #options: GenerationCommandOptions;
  readonly #conversation: Conversation;
  readonly #reader: LineReader;
  readonly #onInterrupt = oncePerInterrupt(() => this.#interrupt());
  readonly #progress = createProgress(process.stderr);
  readonly #style = createStyle(process.stderr);
  #answering: AbortController | undefined;

  constructor(model: LanguageModel, options: GenerationCommandOptions) {
    this.#model = model;
    this.#options = options;
    this.#conversation = new Conversation(options.system);
    this.#reader = new LineReader({
      input: process.stdin,
      output: process.stderr,
      prompt: this.#style.bold("> "),
      onInterrupt: this.#onInterrupt,
    });
    process.on("SIGINT", this.#onInterrupt);
  }

  async run(): Promise<void> {
    // One state for the whole conversation: each turn computes only what is new.
    using state = this.#model.createState();
    this.#say(`${this.#options.model}; /help lists the commands`);
    for (;;) {
      const line = await this.#reader.next();
      if (line === undefined) return;
      const text = line.trim();
      if (text === "") continue;
      if (text === "/exit" || text === "/quit") return;
      if (text.startsWith("/")) this.#obey(text);
      else await this.#answer(text, state);
    }
  }

  [Symbol.dispose](): void {
    process.off("SIGINT", this.#onInterrupt);
    this.#reader.close();
  }

  #obey(text: string): void {
    const [, command = "", parameter = ""] = /^\/(\S*)\s*(.*)$/s.exec(text) ?? [];
    switch (command) {
      case "reset":
        this.#conversation.reset();
        this.#say("the conversation is forgotten");
        break;
      case "system":
        if (parameter !== "") this.#conversation.system = parameter;
        this.#say(`system prompt: ${this.#conversation.system ?? "the model's own"}`);
        break;
      case "help":
        process.stderr.write(this.#style.dim(help));
        break;
      default:
        this.#say(`unknown command /${command}; /help lists the commands`);
    }
  }

  async #answer(question: string, state: ReturnType<LanguageModel["createState"]>): Promise<void> {
    const { maxTokens } = this.#options;
    const answerTokens = Math.min(maxTokens, Math.floor(this.#model.contextLength / 4));
    this.#conversation.add("user", question);
    const abort = new AbortController();
    this.#answering = abort;
    try {
      const { tokenIds, forgottenMessages } = this.#conversation.encode(this.#model, answerTokens);
      if (forgottenMessages > 0) {
        const messages = formatCount(forgottenMessages, "oldest message");
        this.#say(`the context is full: ${messages} forgotten`);
      }
      const generateOptions = { ...toGenerateOptions(this.#options), state, signal: abort.signal };
      const onText = (text: string) => process.stdout.write(text);
      const sink = { progress: this.#progress, onText };
      const result = await streamAnswer(this.#model, tokenIds, generateOptions, sink);
      process.stdout.write("\n");
      process.stderr.write(
        this.#style.dim(
          summarize(result, this.#model, peakMemoryBytes(), this.#model.model.config),
        ),
      );
      if (result.text === "") this.#conversation.removeLast();
      else this.#conversation.add("assistant", result.text);
    } catch (error) {
      if (!XError.isInstance(error)) throw error;
      this.#conversation.removeLast();
      process.stderr.write(`${this.#style.red("error:")} ${oneLine(error.message)}\n`);
    } finally {
      this.#answering = undefined;
    }
  }

  #interrupt(): void {
    if (this.#answering !== undefined) {
      // A second one for the same answer: the computation does not react, so leave.
      if (this.#answering.signal.aborted) process.exit(exitCodes.interrupted);
      this.#answering.abort();
    } else if (this.#reader.draft === "") {
      this.#reader.close();
    } else {
      this.#reader.clearDraft();
    }
  }

  #say(text: string): void {
    process.stderr.write(`${this.#style.dim(text)}\n`);
  }
}
