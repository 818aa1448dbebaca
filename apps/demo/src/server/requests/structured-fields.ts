import type { StructuredOutput } from "@x/engine";
import { z } from "zod";
import { invalidField } from "../api-error";
import { optional } from "./optional";

const jsonObject = z.record(z.string(), z.unknown());
const choices = z.array(z.string()).min(1).max(1024);

/** Most characters of a schema, an expression or a list of choices, written as JSON. */
const maxFormLength = 2 ** 14;

/** OpenAI's field for the form of an answer. */
export const responseFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object({
      name: optional(z.string()),
      strict: optional(z.boolean()),
      schema: z.union([jsonObject, z.boolean()]),
    }),
  }),
]);

/** A schema, or one written as JSON. */
const schema = z.union([jsonObject, z.string()]);

/** vLLM's fields for the same, the newer one first. */
export const structuredFields = {
  structured_outputs: optional(
    z.object({
      json: optional(schema),
      regex: optional(z.string()),
      choice: optional(choices),
      json_object: optional(z.boolean()),
      grammar: optional(z.unknown()),
      structural_tag: optional(z.unknown()),
    }),
  ),
  guided_json: optional(schema),
  guided_regex: optional(z.string()),
  guided_choice: optional(choices),
  guided_grammar: optional(z.unknown()),
};

const fields = z.object({ response_format: optional(responseFormat), ...structuredFields });

/**
 * The form that the answer must have.
 *
 * @throws {ApiError} 400 for more than one form, a schema in a string that is not JSON, or a grammar.
 */
export function toStructuredOutput(request: z.output<typeof fields>): StructuredOutput | undefined {
  const { structured_outputs: outputs, response_format: format } = request;
  rejectGrammar("guided_grammar", request.guided_grammar);
  rejectGrammar("structured_outputs.grammar", outputs?.grammar);
  rejectGrammar("structured_outputs.structural_tag", outputs?.structural_tag);
  const forms = [
    fromResponseFormat(format),
    fromJson("structured_outputs.json", outputs?.json),
    fromRegex(outputs?.regex),
    fromChoice(outputs?.choice),
    outputs?.json_object ? ({ type: "json_object" } as const) : undefined,
    fromJson("guided_json", request.guided_json),
    fromRegex(request.guided_regex),
    fromChoice(request.guided_choice),
  ].filter((form) => form !== undefined);
  for (const form of forms) requireModestSize(form);
  if (forms.length > 1) {
    const kinds = forms.map(({ type }) => type).join(" and ");
    throw invalidField(
      "response_format",
      `the answer cannot have several forms, ${kinds}; use one`,
    );
  }
  return forms[0];
}

function fromResponseFormat(
  format: z.output<typeof responseFormat> | undefined,
): StructuredOutput | undefined {
  if (format === undefined || format.type === "text") return undefined;
  if (format.type === "json_object") return { type: "json_object" };
  return { type: "json_schema", schema: format.json_schema.schema };
}

function fromJson(
  param: string,
  value: z.output<typeof schema> | undefined,
): StructuredOutput | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string") return { type: "json_schema", schema: value };
  try {
    return {
      type: "json_schema",
      schema: z.union([jsonObject, z.boolean()]).parse(JSON.parse(value)),
    };
  } catch {
    throw invalidField(
      param,
      `${param} is a string that is no JSON schema; give the schema itself`,
    );
  }
}

function fromRegex(pattern: string | undefined): StructuredOutput | undefined {
  return pattern === undefined ? undefined : { type: "regex", pattern };
}

function fromChoice(texts: readonly string[] | undefined): StructuredOutput | undefined {
  return texts === undefined ? undefined : { type: "choice", choices: texts };
}

/** Making the token masks of a form takes the server's only thread: a few seconds at this size. */
function requireModestSize(form: StructuredOutput): void {
  const { length } = JSON.stringify(form);
  if (length <= maxFormLength) return;
  throw invalidField(
    "response_format",
    `the form of the answer takes ${length} characters, more than ${maxFormLength}; use a smaller one`,
  );
}

function rejectGrammar(param: string, value: unknown): void {
  if (value === undefined) return;
  throw invalidField(param, `${param} is not supported; use a JSON schema, a regex or a choice`);
}
