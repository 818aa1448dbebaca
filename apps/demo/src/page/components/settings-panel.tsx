import type { Conversation } from "../chat/conversation";

interface SettingsPanelProps {
  readonly conversation: Conversation;
  readonly id: string;
  readonly isOpen: boolean;
}

/** How a conversation's next answers are made. */
export function SettingsPanel({ conversation, id, isOpen }: SettingsPanelProps) {
  const { systemPrompt, temperature, maxTokens, seed } = conversation.settings.value;
  const name = (field: string) => `${id}-${field}`;
  return (
    <div class="settings" id={id} hidden={!isOpen}>
      <label class="wide" for={name("system")}>
        System prompt
        <textarea
          id={name("system")}
          rows={2}
          placeholder="None"
          value={systemPrompt}
          onInput={({ currentTarget }) =>
            conversation.changeSettings({ systemPrompt: currentTarget.value })
          }
        />
      </label>
      <label class="wide" for={name("temperature")}>
        <span class="label-row">
          Temperature
          <output>{temperature === 0 ? "0, always the likeliest" : temperature.toFixed(1)}</output>
        </span>
        <input
          id={name("temperature")}
          type="range"
          min="0"
          max="2"
          step="0.1"
          value={temperature}
          onInput={({ currentTarget }) =>
            conversation.changeSettings({ temperature: currentTarget.valueAsNumber })
          }
        />
      </label>
      <label for={name("max-tokens")}>
        Max tokens
        <input
          id={name("max-tokens")}
          type="number"
          min="1"
          step="1"
          placeholder="What fits"
          value={maxTokens}
          onInput={({ currentTarget }) =>
            conversation.changeSettings({ maxTokens: numberOf(currentTarget) })
          }
        />
      </label>
      <label for={name("seed")}>
        Seed
        <input
          id={name("seed")}
          type="number"
          min="0"
          step="1"
          placeholder="Random"
          value={seed}
          onInput={({ currentTarget }) =>
            conversation.changeSettings({ seed: numberOf(currentTarget) })
          }
        />
      </label>
    </div>
  );
}

function numberOf({ valueAsNumber }: HTMLInputElement): number | undefined {
  return Number.isNaN(valueAsNumber) ? undefined : valueAsNumber;
}
