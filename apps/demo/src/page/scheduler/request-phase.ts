import type { RequestSnapshot } from "@x/paged-scheduler";

/** What the engine does for a request. */
export type RequestPhase = "prefill" | "decode" | "preempted" | "waiting";

/**
 * Where a request stands. An answer is decoded once it has a token, and all tokens but the newest
 * are computed; before that it is the prompt, or what a preemption lost, that is computed.
 */
export function requestPhase(request: RequestSnapshot): RequestPhase {
  const { status, numPromptTokens, numTokens, numComputedTokens } = request;
  if (status === "preempted") return "preempted";
  if (status !== "running") return "waiting";
  const hasCaughtUp = numTokens - numComputedTokens <= 1;
  return hasCaughtUp && numTokens > numPromptTokens ? "decode" : "prefill";
}
