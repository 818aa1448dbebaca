import { useRef } from "preact/hooks";
import { conversations } from "../app-state";
import type { Conversation } from "../chat/conversation";
import { composerId } from "./focus-composer";
import { Icon } from "./icon";

interface ComposerProps {
  readonly conversation: Conversation;
  readonly hasOthers: boolean;
}

/** Where a message is written. Enter sends, Shift+Enter begins a line, Ctrl+Enter sends to all. */
export function Composer({ conversation, hasOthers }: ComposerProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const { draft, letter, isRunning } = conversation;
  const isEmpty = draft.value.trim() === "";

  const send = (toAll: boolean) => {
    const question = draft.peek();
    if (question.trim() === "" || isRunning.peek()) return;
    draft.value = "";
    if (toAll) conversations.sendToAll(question);
    else conversation.send(question);
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send(hasOthers && (event.ctrlKey || event.metaKey));
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send(false);
      }}
    >
      <textarea
        id={composerId(conversation)}
        ref={field}
        rows={1}
        aria-label={`Message to ${letter}`}
        placeholder="Message"
        value={draft}
        onInput={({ currentTarget }) => {
          draft.value = currentTarget.value;
        }}
        onKeyDown={onKeyDown}
      />
      <div class="composer-actions">
        <p class="composer-hint">
          {isRunning.value ? "Escape stops" : "Enter sends, Shift+Enter begins a line"}
        </p>
        {hasOthers && (
          <button
            type="button"
            class="quiet-button"
            title="Ctrl+Enter"
            disabled={isEmpty || isRunning.value}
            onClick={() => send(true)}
          >
            Send to all
          </button>
        )}
        {isRunning.value ? (
          <button
            type="button"
            class="primary-button"
            title="Escape"
            onClick={() => {
              conversation.stop();
              field.current?.focus();
            }}
          >
            <span class="stop-mark" aria-hidden="true" />
            Stop
          </button>
        ) : (
          <button type="submit" class="primary-button" title="Enter" disabled={isEmpty}>
            <Icon name="send" />
            Send
          </button>
        )}
      </div>
    </form>
  );
}
