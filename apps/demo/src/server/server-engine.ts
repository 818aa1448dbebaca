import type { Engine } from "@x/engine";

/** What the server needs of an engine. */
export type ServerEngine = Pick<
  Engine,
  | "isDisposed"
  | "modelName"
  | "model"
  | "maxModelLength"
  | "encodePrompt"
  | "generate"
  | "stats"
  | "snapshot"
>;
