import { readJsonBody } from "../read-json-body";
import { parseRequest } from "../requests/parse-request";
import { detokenizeRequest, tokenizeRequest } from "../requests/tokenize-request";
import type { ServerContext } from "../server-context";
import { encodeMessages } from "./chat-completions";
import { requireModel } from "./require-model";

/** `POST /tokenize`: the token ids of a text or a conversation. */
export async function tokenize(request: Request, context: ServerContext): Promise<Response> {
  const given = parseRequest(tokenizeRequest, await readJsonBody(request, context.maxBodyBytes));
  requireModel(context, given.model);
  const { tokenizer } = context.engine.model;
  const tokens =
    "messages" in given
      ? encodeMessages(context, given)
      : tokenizer.encode(given.prompt, { addSpecialTokens: given.add_special_tokens ?? true });
  return Response.json({
    count: tokens.length,
    max_model_len: context.engine.maxModelLength,
    tokens,
    token_strs: given.return_token_strs
      ? tokens.map((tokenId) => tokenizer.decode([tokenId], { skipSpecialTokens: false }))
      : null,
  });
}

/** `POST /detokenize`: the text of token ids. */
export async function detokenize(request: Request, context: ServerContext): Promise<Response> {
  const given = parseRequest(detokenizeRequest, await readJsonBody(request, context.maxBodyBytes));
  requireModel(context, given.model);
  const { tokenizer } = context.engine.model;
  return Response.json({ prompt: tokenizer.decode(given.tokens, { skipSpecialTokens: false }) });
}
