/** The shape that a generated text must have. */
export type StructuredOutput =
  /** JSON that is valid under a JSON schema, draft 2020-12 as far as it can be enforced. */
  | { readonly type: "json_schema"; readonly schema: object | boolean }
  /** Any JSON object. */
  | { readonly type: "json_object" }
  /** Text that a JavaScript regular expression matches from its first to its last character. */
  | { readonly type: "regex"; readonly pattern: string }
  /** One of these texts, as it stands. */
  | { readonly type: "choice"; readonly choices: readonly string[] };
