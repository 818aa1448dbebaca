import type { Conversation } from "../chat/conversation";

/** The id of the field in which messages to a conversation are written. */
export function composerId({ index }: Conversation): string {
  return `message-${index}`;
}

/** Puts the cursor where a message to the conversation is written, once that has been drawn. */
export function focusComposer(conversation: Conversation | undefined): void {
  if (conversation === undefined) return;
  requestAnimationFrame(() => document.getElementById(composerId(conversation))?.focus());
}
