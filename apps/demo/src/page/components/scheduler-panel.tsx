import { feed } from "../app-state";
import type { FeedStatus } from "../scheduler/scheduler-feed";
import { isKeyWanted } from "../server-key";
import { BlockPanel } from "./block-panel";
import { FigureList } from "./figure-list";
import { RequestLists } from "./request-lists";

const statusTexts: Readonly<Record<FeedStatus, string>> = {
  connecting: "Connecting",
  live: "Live",
  paused: "Paused",
  lost: "Connection lost, trying again",
  locked: "Needs a key",
};

/** What the engine does for all its users. Nothing here is read out unasked. */
export function SchedulerPanel() {
  const status = feed.status.value;
  return (
    <section class="scheduler" id="scheduler" aria-labelledby="scheduler-title" tabIndex={-1}>
      <header class="scheduler-header">
        <h2 id="scheduler-title">Scheduler</h2>
        <p class="feed-status" data-status={status}>
          {statusTexts[status]}
        </p>
        {status === "locked" && (
          <button
            type="button"
            class="quiet-button"
            onClick={() => {
              isKeyWanted.value = true;
            }}
          >
            Give the key
          </button>
        )}
      </header>
      <FigureList />
      <BlockPanel />
      <RequestLists />
      <footer class="scheduler-footer">
        OpenAI-compatible at <code>{`${location.origin}/v1`}</code>
      </footer>
    </section>
  );
}
