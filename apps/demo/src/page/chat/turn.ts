import { signal } from "@preact/signals";
import type { RequestFailure } from "./request-failure";
import type { ChatUsage } from "./stream-chat";

/** Where a turn stands. */
export type TurnState =
  /** Sent, nothing came yet. */
  | { readonly name: "waiting" }
  | { readonly name: "streaming" }
  | { readonly name: "complete"; readonly finishReason: string }
  /** By the reader. */
  | { readonly name: "stopped" }
  | { readonly name: "failed"; readonly failure: RequestFailure };

/** How an answer came. */
export interface TurnFigures {
  readonly usage: ChatUsage | undefined;
  /** From sending to the first text, in milliseconds. */
  readonly firstTextMs: number | undefined;
  /** From the first text to the end, in milliseconds. */
  readonly streamMs: number;
}

let numTurns = 0;

/** A question and its answer, as it comes. */
export class Turn {
  readonly id = numTurns++;
  readonly question: string;
  readonly answer = signal("");
  readonly state = signal<TurnState>({ name: "waiting" });
  readonly figures = signal<TurnFigures | undefined>(undefined);

  constructor(question: string) {
    this.question = question;
  }

  get isRunning(): boolean {
    const { name } = this.state.value;
    return name === "waiting" || name === "streaming";
  }
}
