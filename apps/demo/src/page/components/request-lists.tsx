import type { RequestSnapshot } from "@x/paged-scheduler";
import { feed, owners, pointedRequestId } from "../app-state";
import { formatCount } from "../format-figure";
import { type RequestPhase, requestPhase } from "../scheduler/request-phase";
import { OwnerSwatch } from "./swatch";

/** Waiting requests that are shown one by one. */
const maxWaitingShown = 8;

/** The running batch and the waiting queue. */
export function RequestLists() {
  const snapshot = feed.state.value?.snapshot;
  const { running = [], waiting = [] } = snapshot ?? {};
  const hidden = waiting.length - maxWaitingShown;
  return (
    <>
      <h3>
        Running batch <span class="count">{running.length}</span>
      </h3>
      <ul class="requests">
        {running.map((request) => (
          <RequestRow key={request.id} request={request} />
        ))}
      </ul>
      <h3>
        Waiting queue <span class="count">{waiting.length}</span>
      </h3>
      <ul class="requests">
        {waiting.slice(0, maxWaitingShown).map((request) => (
          <RequestRow key={request.id} request={request} />
        ))}
      </ul>
      {hidden > 0 && <p class="hidden-count">{`and ${formatCount(hidden)} more`}</p>}
    </>
  );
}

const phaseTitles: Readonly<Record<RequestPhase, string>> = {
  prefill: "The prompt is computed, a piece in every step",
  decode: "One token after another",
  preempted: "Its blocks were needed elsewhere; it is computed anew when there is room",
  waiting: "Not begun",
};

function RequestRow({ request }: { readonly request: RequestSnapshot }) {
  const { id, numTokens, numComputedTokens } = request;
  const owner = owners.value.get(id);
  const phase = requestPhase(request);
  const numBlocks = request.blockTables.reduce((sum, table) => sum + table.length, 0);
  return (
    <li
      class="request"
      data-owner={owner?.color}
      onMouseEnter={() => {
        pointedRequestId.value = id;
      }}
      onMouseLeave={() => {
        pointedRequestId.value = undefined;
      }}
    >
      <OwnerSwatch color={owner?.color ?? 0} />
      <span class="request-label">{owner?.label ?? id}</span>
      <span class="request-phase" data-phase={phase} title={phaseTitles[phase]}>
        {phase}
      </span>
      <span class="request-tokens">
        {`${formatCount(numComputedTokens)} / ${formatCount(numTokens)} tokens`}
      </span>
      <span class="request-blocks">
        {`${formatCount(numBlocks)} ${numBlocks === 1 ? "block" : "blocks"}`}
      </span>
      <span class="request-bar" aria-hidden="true">
        <span style={{ width: `${(100 * numComputedTokens) / Math.max(1, numTokens)}%` }} />
      </span>
    </li>
  );
}
