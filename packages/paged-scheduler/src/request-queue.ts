import type { Request } from "./request";

/** Negative when `first` goes before `second`; never zero for two requests. */
export type RequestOrder = (first: Request, second: Request) => number;

/** First come, first served. */
export const byArrival: RequestOrder = (first, second) =>
  first.sequence - second.sequence || first.serial - second.serial;

/** Lower priority value first, then earlier arrival time, then submission order. */
export const byPriority: RequestOrder = (first, second) =>
  first.priority - second.priority ||
  first.arrivalTime - second.arrivalTime ||
  byArrival(first, second);

/** Waiting requests, best first: a binary heap that can also remove from its middle. */
export class RequestQueue {
  readonly #heap: Request[] = [];
  readonly #order: RequestOrder;

  constructor(order: RequestOrder) {
    this.#order = order;
  }

  get length(): number {
    return this.#heap.length;
  }

  /** The request that goes first. */
  peek(): Request | undefined {
    return this.#heap[0];
  }

  push(request: Request): void {
    this.#heap.push(request);
    this.#rise(request, this.#heap.length - 1);
  }

  /** Takes a request out, wherever it stands; it must be in the queue. */
  remove(request: Request): void {
    const index = request.queueIndex;
    const last = this.#heap.pop() as Request;
    request.queueIndex = -1;
    if (last === request) return;
    this.#rise(last, index);
    this.#sink(last, last.queueIndex);
  }

  /** All requests, best first. */
  toSorted(): Request[] {
    return [...this.#heap].sort(this.#order);
  }

  #rise(request: Request, from: number): void {
    let index = from;
    while (index > 0) {
      const parent = this.#heap[(index - 1) >> 1] as Request;
      if (this.#order(parent, request) < 0) break;
      this.#place(parent, index);
      index = (index - 1) >> 1;
    }
    this.#place(request, index);
  }

  #sink(request: Request, from: number): void {
    let index = from;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      const child = left && right && this.#order(right, left) < 0 ? right : left;
      if (!child || this.#order(request, child) < 0) break;
      const next = child.queueIndex;
      this.#place(child, index);
      index = next;
    }
    this.#place(request, index);
  }

  #place(request: Request, index: number): void {
    this.#heap[index] = request;
    request.queueIndex = index;
  }
}
