import { computed, signal } from "@preact/signals";
import { Conversation, defaultSettings } from "./conversation";

/** The columns, side by side. */
export class Conversations {
  readonly list = signal<readonly Conversation[]>([new Conversation(0, defaultSettings)]);
  /** Of the running answers, the conversation by the answer's name in the scheduler. */
  readonly byRequestId = computed(() => {
    const byRequestId = new Map<string, Conversation>();
    for (const conversation of this.list.value) {
      const id = conversation.requestId.value;
      if (id !== undefined) byRequestId.set(id, conversation);
    }
    return byRequestId;
  });

  /** Adds a column with the settings of the last. */
  add(): Conversation {
    const list = this.list.peek();
    const taken = new Set(list.map(({ index }) => index));
    let index = 0;
    while (taken.has(index)) index++;
    const settings = list.at(-1)?.settings.peek() ?? defaultSettings;
    const conversation = new Conversation(index, settings);
    this.list.value = [...list, conversation];
    return conversation;
  }

  /** Removes a column and ends what runs in it. */
  remove(conversation: Conversation): void {
    conversation.stop();
    this.list.value = this.list.peek().filter((other) => other !== conversation);
  }

  /** Asks the same in every column that does not answer just now. */
  sendToAll(question: string): void {
    for (const conversation of this.list.peek()) conversation.send(question);
  }
}
