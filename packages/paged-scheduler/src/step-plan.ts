import type { Allocation } from "./kv-cache-manager";
import type { Request } from "./request";
import type { ScheduledRequest, SchedulerOutput } from "./scheduler-output";

/** One request's part of a step that is being put together. */
interface PlannedRequest {
  readonly request: Request;
  readonly kind: ScheduledRequest["kind"];
  readonly numTokens: number;
  readonly allocation: Allocation;
}

/** A step while it is being put together: who is in it, and what is left of the budget. */
export class StepPlan {
  readonly entries: PlannedRequest[] = [];
  readonly preempted: Request[] = [];
  /** Tokens that may still be added. */
  budget: number;
  /** Position in the list of running requests that is looked at next. */
  cursor = 0;

  constructor(budget: number) {
    this.budget = budget;
  }

  add(entry: PlannedRequest): void {
    this.entries.push(entry);
    this.budget -= entry.numTokens;
  }

  /** Takes a preempted request out again, if it was in; `position` is where it ran. */
  preempt(request: Request, position: number): void {
    this.preempted.push(request);
    if (position < this.cursor) this.cursor--;
    const index = this.entries.findIndex((entry) => entry.request === request);
    if (index < 0) return;
    this.budget += this.entries.splice(index, 1)[0]?.numTokens ?? 0;
  }

  /** Lays the step out flat, as one batch without padding. */
  build(
    step: number,
    { blockSize, numGroups }: { readonly blockSize: number; readonly numGroups: number },
    finishedIds: readonly string[],
  ): SchedulerOutput {
    const { entries } = this;
    const numScheduledTokens = entries.reduce((sum, entry) => sum + entry.numTokens, 0);
    const tokenIds = new Int32Array(numScheduledTokens);
    const positions = new Int32Array(numScheduledTokens);
    const cuSeqlens = new Int32Array(entries.length + 1);
    const slotMappings: Int32Array[] = [];
    for (let group = 0; group < numGroups; group++) {
      slotMappings.push(new Int32Array(numScheduledTokens));
    }
    const logitRows = new Int32Array(numScheduledTokens);
    let numLogitRows = 0;
    let row = 0;
    const scheduled = entries.map((planned, index) => {
      const { request, numTokens } = planned;
      const first = request.numComputedTokens;
      const entry = describe(planned);
      const tokens = request.tokenList.data;
      for (let offset = 0; offset < numTokens; offset++) {
        const position = first + offset;
        positions[row + offset] = position;
        tokenIds[row + offset] =
          position < request.numTokens
            ? (tokens[position] as number)
            : (entry.draftTokens[position - request.numTokens] as number);
      }
      for (let group = 0; group < numGroups; group++) {
        const slots = slotMappings[group] as Int32Array;
        const table = entry.blockTables[group] as Int32Array;
        for (let offset = 0; offset < numTokens; offset++) {
          const position = first + offset;
          const block = (position / blockSize) | 0;
          slots[row + offset] = (table[block] as number) * blockSize + position - block * blockSize;
        }
      }
      row += numTokens;
      for (let back = entry.numLogitRows; back > 0; back--) logitRows[numLogitRows++] = row - back;
      cuSeqlens[index + 1] = row;
      return entry;
    });
    return {
      step,
      scheduled,
      numScheduledTokens,
      tokenIds,
      positions,
      cuSeqlens,
      slotMappings,
      logitRows: logitRows.subarray(0, numLogitRows),
      copies: entries.flatMap((entry) => entry.allocation.copies),
      preemptedIds: this.preempted.map((request) => request.id),
      finishedIds,
    };
  }
}

const noDrafts: readonly number[] = [];

function describe({ request, kind, numTokens, allocation }: PlannedRequest): ScheduledRequest {
  const numDrafts = Math.max(0, request.numComputedTokens + numTokens - request.numTokens);
  const reachesEnd = request.numComputedTokens + numTokens >= request.numTokens;
  const { n = 1 } = request.options;
  return {
    id: request.id,
    request,
    kind,
    numComputedTokens: request.numComputedTokens,
    numScheduledTokens: numTokens,
    draftTokens: numDrafts === 0 ? noDrafts : request.draftTokens.slice(0, numDrafts),
    numLogitRows: reachesEnd ? 1 + numDrafts : 0,
    numSamples: !reachesEnd ? 0 : request.numOutputTokens === 0 ? n : 1,
    blockTables: request.blockTables.map((table) => table.view()),
    newBlocks: allocation.newBlocks,
  };
}
