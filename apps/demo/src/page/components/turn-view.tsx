import { feed } from "../app-state";
import type { Conversation } from "../chat/conversation";
import type { Turn, TurnFigures, TurnState } from "../chat/turn";
import { formatCount, formatMilliseconds, formatRate } from "../format-figure";
import { requestPhase } from "../scheduler/request-phase";
import { isKeyWanted } from "../server-key";

interface TurnViewProps {
  readonly turn: Turn;
  readonly conversation: Conversation;
  readonly isLast: boolean;
}

/** A question, its answer as it comes, and how it came. Both are text and never markup. */
export function TurnView({ turn, conversation, isLast }: TurnViewProps) {
  const state = turn.state.value;
  const answer = turn.answer.value;
  const notes = describeAnswer(state, turn.figures.value);
  return (
    <article class="turn">
      <p class="question">{turn.question}</p>
      {answer !== "" && (
        <p class="answer" data-streaming={state.name === "streaming"}>
          {answer}
        </p>
      )}
      {state.name === "waiting" && <Progress conversation={conversation} />}
      {notes.length > 0 && (
        <ul class="answer-notes">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      {state.name === "failed" && (
        <div class="failure" role="alert">
          <p>
            <strong>{state.failure.title}.</strong> {state.failure.message}
          </p>
          {isLast && state.failure.kind === "locked" && (
            <button
              type="button"
              onClick={() => {
                isKeyWanted.value = true;
              }}
            >
              Give the key
            </button>
          )}
          {isLast && (
            <button type="button" onClick={() => conversation.retry()}>
              Try again
            </button>
          )}
        </div>
      )}
      {state.name === "stopped" && isLast && (
        <button type="button" class="quiet-button" onClick={() => conversation.retry()}>
          Ask again
        </button>
      )}
    </article>
  );
}

/** What the engine does before the first text comes. */
function Progress({ conversation }: { readonly conversation: Conversation }) {
  const id = conversation.requestId.value;
  const snapshot = feed.state.value?.snapshot;
  const running = snapshot?.running.find((request) => request.id === id);
  const isWaiting = snapshot?.waiting.some((request) => request.id === id) ?? false;
  let text = "Sent";
  if (isWaiting) text = "Waiting for its turn";
  if (running !== undefined && requestPhase(running) === "prefill") {
    const { numComputedTokens, numTokens } = running;
    text = `Reading the prompt, ${formatCount(numComputedTokens)} of ${formatCount(numTokens)} tokens`;
  }
  return <p class="progress">{text}</p>;
}

function describeAnswer(state: TurnState, figures: TurnFigures | undefined): string[] {
  const notes: string[] = [];
  if (figures?.usage !== undefined) {
    const { completionTokens, promptTokens, cachedTokens } = figures.usage;
    notes.push(plural(completionTokens, "token"));
    if (figures.streamMs > 0 && completionTokens > 1) {
      const perSecond = (completionTokens - 1) / (figures.streamMs / 1000);
      notes.push(`${formatRate(perSecond)} per second`);
    }
    if (cachedTokens > 0) {
      notes.push(
        `${formatCount(cachedTokens)} of ${formatCount(promptTokens)} prompt tokens cached`,
      );
    }
  }
  if (figures?.firstTextMs !== undefined) {
    notes.splice(1, 0, `first after ${formatMilliseconds(figures.firstTextMs)}`);
  }
  if (state.name === "stopped") notes.push("stopped");
  if (state.name === "complete" && state.finishReason === "length") {
    notes.push("ended at max tokens");
  }
  if (state.name === "complete" && state.finishReason === "abort") {
    notes.push("ended by the server");
  }
  return notes;
}

function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}
