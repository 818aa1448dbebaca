/** The form of an answer. */
export type StructuredOutput =
  /** JSON that a schema (draft 2020-12) describes. */
  | { readonly type: "json_schema"; readonly schema: object | boolean }
  /** Any JSON object. */
  | { readonly type: "json_object" }
  /** Text that a regular expression matches from end to end. */
  | { readonly type: "regex"; readonly pattern: string }
  /** One of these texts. */
  | { readonly type: "choice"; readonly choices: readonly string[] };
