import { ConversationArea } from "./conversation-area";
import { KeyDialog } from "./key-dialog";
import { PageHeader } from "./page-header";
import { SchedulerPanel } from "./scheduler-panel";

/** The whole page. */
export function App() {
  return (
    <>
      <a class="skip-link" href="#scheduler">
        Skip to the scheduler
      </a>
      <PageHeader />
      <main>
        <ConversationArea />
        <SchedulerPanel />
      </main>
      <KeyDialog />
    </>
  );
}
