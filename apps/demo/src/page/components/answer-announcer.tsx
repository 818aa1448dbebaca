import type { Conversation } from "../chat/conversation";

/** Reads an answer out once it is whole, not token by token. */
export function AnswerAnnouncer({ conversation }: { readonly conversation: Conversation }) {
  return (
    <p class="visually-hidden" aria-live="polite">
      {announcement(conversation)}
    </p>
  );
}

function announcement({ turns, letter }: Conversation): string {
  const turn = turns.value.at(-1);
  if (turn === undefined) return "";
  switch (turn.state.value.name) {
    case "waiting":
    case "streaming":
      return `${letter} answers.`;
    case "complete":
      return `${letter}: ${turn.answer.value}`;
    case "stopped":
      return `${letter}, stopped: ${turn.answer.value}`;
    case "failed":
      // An alert of its own.
      return "";
    default:
      return turn.state.value satisfies never;
  }
}
