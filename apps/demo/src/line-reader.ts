import { createInterface, type Interface } from "node:readline";

/** Where lines come from and where their prompt goes. */
export interface LineReaderOptions {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly prompt: string;
  /** Ctrl-C at the keyboard, which a terminal in raw mode hands over as a key. */
  readonly onInterrupt: () => void;
}

/** Lines from a terminal, with editing and history, or from a pipe. */
export class LineReader implements Disposable {
  readonly #interface: Interface;
  readonly #isTerminal: boolean;
  readonly #lines: string[] = [];
  #waiting: ((line: string | undefined) => void) | undefined;
  #isClosed = false;

  constructor({ input, output, prompt, onInterrupt }: LineReaderOptions) {
    this.#isTerminal = input.isTTY && output.isTTY;
    this.#interface = createInterface({ input, output, prompt, terminal: this.#isTerminal });
    this.#interface.on("line", (line) => {
      this.#lines.push(line);
      this.#serve();
    });
    this.#interface.on("close", () => {
      this.#isClosed = true;
      // The shell's prompt must not follow ours on the same line.
      if (this.#isTerminal && this.#waiting !== undefined) output.write("\n");
      this.#serve();
    });
    // Without a terminal, Ctrl-C arrives as a signal of the process.
    if (this.#isTerminal) this.#interface.on("SIGINT", onInterrupt);
  }

  /** Text typed so far at the prompt. */
  get draft(): string {
    return this.#interface.line;
  }

  /** Throws the typed text away and shows an empty prompt. */
  clearDraft(): void {
    // The editing keys for "delete to the end" and "delete to the start".
    this.#interface.write(null, { ctrl: true, name: "k" });
    this.#interface.write(null, { ctrl: true, name: "u" });
  }

  /** The next line; undefined at the end of the input (Ctrl-D). */
  next(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
      // The cursor stays where it is in text that was typed during the answer.
      if (this.#isTerminal && !this.#isClosed && this.#lines.length === 0) {
        this.#interface.prompt(true);
      }
      this.#serve();
    });
  }

  /** Ends the input; a waiting {@link next} gives undefined. */
  close(): void {
    this.#lines.length = 0;
    this.#interface.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #serve(): void {
    if (this.#waiting === undefined) return;
    const line = this.#lines.shift();
    if (line === undefined && !this.#isClosed) return;
    const resolve = this.#waiting;
    this.#waiting = undefined;
    resolve(line);
  }
}
