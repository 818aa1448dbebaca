import { formatCount } from "../format-figure";
import { serverInfo } from "../server-info";
import { theme, toggleTheme } from "../theme";
import { AddConversationButton } from "./add-conversation-button";
import { Icon } from "./icon";

/** What is served, and how the page looks. */
export function PageHeader() {
  const info = serverInfo.value;
  return (
    <header class="page-header">
      <img src="/favicon.svg" alt="" width="28" height="28" />
      <h1>
        <span class="model-name">{info?.modelName ?? "Connecting"}</span>
        {info !== undefined && (
          <span class="context-limit">{formatCount(info.maxModelLength)} tokens of context</span>
        )}
      </h1>
      <AddConversationButton place="wide" />
      <nav aria-label="Server">
        <a href="/metrics">Metrics</a>
      </nav>
      <button
        type="button"
        class="icon-button"
        aria-pressed={theme.value === "dark"}
        aria-label="Dark"
        title={theme.value === "dark" ? "Use the light colours" : "Use the dark colours"}
        onClick={toggleTheme}
      >
        <Icon name={theme.value === "dark" ? "sun" : "moon"} />
      </button>
    </header>
  );
}
