import { computed, effect, signal } from "@preact/signals";
import { Conversations } from "./chat/conversations";
import { toBlockCells } from "./scheduler/block-cell";
import { Figures } from "./scheduler/figures";
import { Owners } from "./scheduler/owners";
import { SchedulerFeed } from "./scheduler/scheduler-feed";
import { loadServerInfo, serverInfo } from "./server-info";

/** All conversations of the page. */
export const conversations = new Conversations();

/** What the scheduler does. */
export const feed = new SchedulerFeed(() => void loadServerInfo());

/** The counters. */
export const figures = new Figures();

const ownerColors = new Owners();

/** Who owns blocks, by request. */
export const owners = computed(() => {
  const snapshot = feed.state.value?.snapshot;
  if (snapshot === undefined) return new Map<string, never>();
  return ownerColors.assign(snapshot, conversations.byRequestId.value);
});

/** The grid of blocks. */
export const cells = computed(() => {
  const snapshot = feed.state.value?.snapshot;
  return snapshot === undefined ? [] : toBlockCells(snapshot, owners.value);
});

/** The request that the reader points at, whose blocks stand out. */
export const pointedRequestId = signal<string | undefined>(undefined);

/** Starts what runs for as long as the page does. */
export function startAppState(): void {
  effect(() => {
    const stats = feed.state.value?.stats;
    if (stats !== undefined) figures.add(stats, performance.now());
  });
  effect(() => {
    document.title = serverInfo.value?.modelName ?? "x";
  });
  feed.start();
}
