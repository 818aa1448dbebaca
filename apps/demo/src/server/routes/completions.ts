import { invalidField } from "../api-error";
import { readJsonBody } from "../read-json-body";
import {
  completionRequest,
  requireConsistentCompletion,
  toPrompts,
} from "../requests/completion-request";
import { toGenerationOptions } from "../requests/generation-fields";
import { parseRequest } from "../requests/parse-request";
import { completionChunks, type EchoedPrompt, toCompletion } from "../responses/completion";
import { eventStream } from "../responses/event-stream";
import type { ServerContext } from "../server-context";
import { requireModel } from "./require-model";
import { truncatePrompt } from "./truncate-prompt";

/** `POST /v1/completions`: plain text, continued. */
export async function completions(request: Request, context: ServerContext): Promise<Response> {
  const { runner, maxBodyBytes, onError } = context;
  const given = parseRequest(completionRequest, await readJsonBody(request, maxBodyBytes));
  const modelName = requireModel(context, given.model);
  requireConsistentCompletion(given);
  const { max_tokens: maxTokens, logprobs, echo } = given;
  const prompts = toPrompts(given).map((prompt): EchoedPrompt => {
    const tokenIds = truncatePrompt(
      requireTokenIds(context, context.engine.encodePrompt(prompt)),
      given.truncate_prompt_tokens,
      context.engine.maxModelLength,
    );
    return describePrompt(context, tokenIds);
  });
  const shared = toGenerationOptions({ ...given, max_tokens: maxTokens ?? undefined });
  const generations = await runner.start({
    prompts: prompts.map(({ tokenIds }) => tokenIds),
    options: {
      ...shared,
      // A generation has a token or more: this one is left out of the answer.
      maxTokens: maxTokens === null ? undefined : Math.max(1, maxTokens),
      logprobs,
      promptLogprobs: echo && logprobs !== undefined ? logprobs : shared.promptLogprobs,
    },
    signal: request.signal,
    param: "prompt",
  });
  const answer = { request: given, modelName, prompts };
  if (given.stream) {
    return eventStream(completionChunks(generations, answer), {
      end: "[DONE]",
      onCancel: () => {
        for (const generation of generations) generation.cancel();
      },
      onError,
    });
  }
  const results = await Promise.all(generations.map((generation) => generation.result()));
  return Response.json(toCompletion(results, answer));
}

/** @throws {ApiError} 400 for an id that is none. */
function requireTokenIds(
  { engine }: ServerContext,
  tokenIds: readonly number[],
): readonly number[] {
  const { vocabularySize } = engine.model.tokenizer;
  const unknown = tokenIds.find((tokenId) => tokenId >= vocabularySize);
  if (unknown === undefined) return tokenIds;
  const most = vocabularySize - 1;
  throw invalidField("prompt", `prompt: ${unknown} is no token id; use ids from 0 to ${most}`);
}

function describePrompt({ engine }: ServerContext, tokenIds: readonly number[]): EchoedPrompt {
  const { tokenizer } = engine.model;
  const [first] = tokenIds;
  return {
    tokenIds,
    text: tokenizer.decode(tokenIds, { skipSpecialTokens: false }),
    firstToken: first === undefined ? new Uint8Array(0) : tokenizer.tokenBytes(first),
  };
}
