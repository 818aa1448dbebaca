import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { conversations } from "../app-state";
import type { Conversation } from "../chat/conversation";
import { numColors } from "../scheduler/owners";
import { AddConversationButton } from "./add-conversation-button";
import { ConversationColumn } from "./conversation-column";
import { focusComposer } from "./focus-composer";
import { OwnerSwatch } from "./swatch";

/** Columns side by side; where only one fits, one at a time. */
export function ConversationArea() {
  const columns = useRef<HTMLDivElement>(null);
  const shown = useSignal(0);
  const list = conversations.list.value;

  const remove = (conversation: Conversation) => {
    const position = list.indexOf(conversation);
    conversations.remove(conversation);
    focusComposer(list[position === 0 ? 1 : position - 1]);
  };
  const noteShown = () => {
    const element = columns.current;
    if (element === null) return;
    const column = element.scrollWidth / list.length;
    shown.value = Math.min(list.length - 1, Math.round(element.scrollLeft / column));
  };
  const show = (index: number) => {
    columns.current?.children[index]?.scrollIntoView({ inline: "start", block: "nearest" });
  };

  return (
    <section class="conversations" aria-label="Conversations">
      <nav class="column-tabs" aria-label="Conversations">
        <ul>
          {list.map((conversation, index) => (
            <li key={conversation.index}>
              <button
                type="button"
                aria-current={shown.value === index}
                aria-label={`Conversation ${conversation.letter}`}
                onClick={() => show(index)}
              >
                <OwnerSwatch color={conversation.index % numColors} />
                {conversation.letter}
              </button>
            </li>
          ))}
        </ul>
        <AddConversationButton place="narrow" />
      </nav>
      <div class="columns" ref={columns} onScroll={noteShown}>
        {list.map((conversation) => (
          <ConversationColumn
            key={conversation.index}
            conversation={conversation}
            hasOthers={list.length > 1}
            onRemove={() => remove(conversation)}
          />
        ))}
      </div>
    </section>
  );
}
