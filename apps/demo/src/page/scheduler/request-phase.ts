import type { RequestSnapshot } from "@x/paged-scheduler";

/** What the engine does for a request. */
export type RequestPhase = "prefill" | "decode" | "preempted" | "waiting";

/**
 * Where a request stands. While an answer is decoded all tokens are computed, the newest at most
 * excepted; before that it is the prompt, or what a preemption lost, that is computed.
 */
export function requestPhase(request: RequestSnapshot): RequestPhase {
  const { status, numTokens, numComputedTokens } = request;
  if (status === "preempted") return "preempted";
  if (status !== "running") return "waiting";
  return numTokens - numComputedTokens <= 1 ? "decode" : "prefill";
}
