import { useSignal } from "@preact/signals";
import type { Conversation, ConversationSettings } from "../chat/conversation";
import { formatCount } from "../format-figure";
import { numColors } from "../scheduler/owners";
import { AnswerAnnouncer } from "./answer-announcer";
import { Composer } from "./composer";
import { Icon } from "./icon";
import { SettingsPanel } from "./settings-panel";
import { OwnerSwatch } from "./swatch";
import { TurnList } from "./turn-list";

interface ConversationColumnProps {
  readonly conversation: Conversation;
  readonly hasOthers: boolean;
  readonly onRemove: () => void;
}

/** One conversation. Escape in it stops its answer. */
export function ConversationColumn(props: ConversationColumnProps) {
  const { conversation, hasOthers, onRemove } = props;
  const { letter, index, turns } = conversation;
  const showsSettings = useSignal(false);
  const settingsId = `settings-${index}`;
  const titleId = `title-${index}`;

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || event.isComposing) return;
    if (conversation.isRunning.peek()) conversation.stop();
    else showsSettings.value = false;
  };

  return (
    <section class="column" aria-labelledby={titleId} onKeyDown={onKeyDown}>
      <header class="column-header">
        <OwnerSwatch color={index % numColors} />
        <h2 id={titleId}>
          <span class="visually-hidden">Conversation </span>
          {letter}
        </h2>
        <p class="settings-summary">{summarize(conversation.settings.value)}</p>
        <button
          type="button"
          class="icon-button"
          aria-label={`Settings of ${letter}`}
          title="Settings"
          aria-expanded={showsSettings.value}
          aria-controls={settingsId}
          onClick={() => {
            showsSettings.value = !showsSettings.peek();
          }}
        >
          <Icon name="settings" />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label={`Begin ${letter} anew`}
          title="Begin anew"
          disabled={turns.value.length === 0}
          onClick={() => conversation.clear()}
        >
          <Icon name="restart" />
        </button>
        {hasOthers && (
          <button
            type="button"
            class="icon-button"
            aria-label={`Close ${letter}`}
            title="Close"
            onClick={onRemove}
          >
            <Icon name="close" />
          </button>
        )}
      </header>
      <SettingsPanel conversation={conversation} id={settingsId} isOpen={showsSettings.value} />
      <TurnList conversation={conversation} />
      <AnswerAnnouncer conversation={conversation} />
      <Composer conversation={conversation} hasOthers={hasOthers} />
    </section>
  );
}

/** What tells columns apart. */
function summarize(settings: ConversationSettings): string {
  const { temperature, maxTokens, seed, systemPrompt } = settings;
  const parts = [temperature === 0 ? "greedy" : `temperature ${temperature.toFixed(1)}`];
  if (maxTokens !== undefined) parts.push(`${formatCount(maxTokens)} tokens`);
  if (seed !== undefined) parts.push(`seed ${seed}`);
  if (systemPrompt.trim() !== "") parts.push("system prompt");
  return parts.join(", ");
}
