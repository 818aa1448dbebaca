import { conversations } from "../app-state";
import { focusComposer } from "./focus-composer";
import { Icon } from "./icon";

/** Adds a column. It stands in the header of a wide page and beside the tabs of a narrow one. */
export function AddConversationButton({ place }: { readonly place: "wide" | "narrow" }) {
  return (
    <button
      type="button"
      class={`quiet-button ${place}-only`}
      aria-label="Add a conversation"
      onClick={() => focusComposer(conversations.add())}
    >
      <Icon name="plus" />
      {place === "wide" && "Conversation"}
    </button>
  );
}
