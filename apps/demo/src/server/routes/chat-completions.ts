import { readJsonBody } from "../read-json-body";
import {
  type ChatCompletionRequest,
  chatCompletionRequest,
  requireConsistentChat,
  toChatMessages,
} from "../requests/chat-completion-request";
import { toGenerationOptions } from "../requests/generation-fields";
import { parseRequest } from "../requests/parse-request";
import { chatCompletionChunks, toChatCompletion } from "../responses/chat-completion";
import { eventStream } from "../responses/event-stream";
import type { ServerContext } from "../server-context";
import { requireModel } from "./require-model";
import { truncatePrompt } from "./truncate-prompt";

/** `POST /v1/chat/completions`: the next turn of a conversation. */
export async function chatCompletions(request: Request, context: ServerContext): Promise<Response> {
  const { engine, runner, maxBodyBytes, onError } = context;
  const given = parseRequest(chatCompletionRequest, await readJsonBody(request, maxBodyBytes));
  const modelName = requireModel(context, given.model);
  requireConsistentChat(given);
  const { logprobs, top_logprobs: top = 0, max_completion_tokens: most } = given;
  const options = {
    ...toGenerationOptions({ ...given, max_tokens: most ?? given.max_tokens }),
    logprobs: logprobs === true ? top : undefined,
  };
  const encoded = encodeMessages(context, given);
  const promptTokenIds = truncatePrompt(
    encoded,
    given.truncate_prompt_tokens,
    engine.maxModelLength,
  );
  const [generation] = await runner.start({
    prompts: [promptTokenIds],
    options,
    signal: request.signal,
    param: "messages",
  });
  if (generation === undefined) throw new Error("a prompt was not answered");
  const answer = { request: given, modelName, promptTokenIds };
  if (!given.stream) return Response.json(toChatCompletion(await generation.result(), answer));
  const response = eventStream(chatCompletionChunks(generation, answer), {
    end: "[DONE]",
    onCancel: () => generation.cancel(),
    onError,
  });
  // Its name in what `/scheduler` shows.
  if (generation.id !== undefined) response.headers.set("x-request-id", generation.id);
  return response;
}

/** The part of a request that a conversation's tokens depend on. */
type Conversation = Pick<ChatCompletionRequest, "messages" | "add_generation_prompt">;

/** The token ids of a conversation in the model's chat format. */
export function encodeMessages(
  { engine }: ServerContext,
  { messages, add_generation_prompt: addGenerationPrompt = true }: Conversation,
): number[] {
  return engine.model.encodeChat(toChatMessages(messages), { addGenerationPrompt });
}
