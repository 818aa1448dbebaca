import { useLayoutEffect, useRef } from "preact/hooks";
import type { Conversation } from "../chat/conversation";
import { TurnView } from "./turn-view";

const suggestions = [
  "Why is the sky blue?",
  "Name three rivers and where they end.",
  "Write a haiku about memory.",
] as const;

/** Within this many pixels of its end, the list follows what comes. */
const followDistance = 48;

/** What was said so far; it follows the newest text until the reader scrolls away. */
export function TurnList({ conversation }: { readonly conversation: Conversation }) {
  const list = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const turns = conversation.turns.value;
  const last = turns.at(-1);
  // Read here, so that the list is drawn, and follows, whenever they change.
  const progress = `${last?.id} ${last?.answer.value.length} ${last?.state.value.name}`;
  useLayoutEffect(() => {
    const element = list.current;
    if (element !== null && follows.current) element.scrollTop = element.scrollHeight;
  }, [progress]);
  useLayoutEffect(() => {
    const element = list.current;
    if (element !== null) element.scrollTop = element.scrollHeight;
  }, [last?.id]);

  return (
    <div
      class="turns"
      ref={list}
      role="log"
      aria-live="off"
      aria-label={`Messages of ${conversation.letter}`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: so that the keyboard can scroll it.
      tabIndex={0}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        follows.current = scrollHeight - scrollTop - clientHeight < followDistance;
      }}
    >
      {turns.length === 0 && (
        <div class="welcome">
          <p>Ask the model something.</p>
          <ul>
            {suggestions.map((suggestion) => (
              <li key={suggestion}>
                <button type="button" onClick={() => conversation.send(suggestion)}>
                  {suggestion}
                </button>
              </li>
            ))}
          </ul>
        </div>
      )}
      {turns.map((turn) => (
        <TurnView key={turn.id} turn={turn} conversation={conversation} isLast={turn === last} />
      ))}
    </div>
  );
}
