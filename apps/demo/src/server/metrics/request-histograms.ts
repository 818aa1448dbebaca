import { Histogram, type Registry } from "prom-client";
import { engineLabels } from "./engine-labels";

/** Upper bounds in seconds, from a token's time to an answer's. */
const secondsBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
];
const tokensBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000];

/** The histograms of requests and steps, registered. */
export function createRequestHistograms(registry: Registry) {
  const histogram = (name: string, help: string, buckets: readonly number[]) =>
    new Histogram({
      name: `vllm:${name}`,
      help,
      labelNames: engineLabels,
      buckets: [...buckets],
      registers: [registry],
    });
  const seconds = (name: string, help: string) => histogram(name, help, secondsBuckets);
  const tokens = (name: string, help: string) => histogram(name, help, tokensBuckets);
  return {
    timeToFirstToken: seconds("time_to_first_token_seconds", "Until the first token."),
    interToken: seconds("inter_token_latency_seconds", "Between two tokens."),
    timePerOutputToken: seconds(
      "request_time_per_output_token_seconds",
      "Mean time of an answer's tokens after the first.",
    ),
    endToEnd: seconds("e2e_request_latency_seconds", "From a request's arrival to its end."),
    queue: seconds("request_queue_time_seconds", "Spent waiting."),
    prefill: seconds("request_prefill_time_seconds", "Spent on the prompt."),
    decode: seconds("request_decode_time_seconds", "Spent on the answer."),
    inference: seconds("request_inference_time_seconds", "Spent running."),
    promptTokens: tokens("request_prompt_tokens", "Tokens of a prompt."),
    generationTokens: tokens("request_generation_tokens", "Tokens of an answer."),
    maxTokens: tokens("request_params_max_tokens", "Most tokens that a request asked for."),
    iterationTokens: tokens("iteration_tokens_total", "Tokens of a step."),
  };
}
