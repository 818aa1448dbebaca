/** Where the server of a `RemoteEngine` is, and what it understands. */
export interface RemoteEngineOptions {
  /** Address of the API, such as `http://localhost:8000/v1`. */
  readonly baseUrl: string;
  /** Name of the model, as `GET /models` of the server lists it. */
  readonly model: string;
  /** Sent as `Authorization: Bearer`. Default: none. */
  readonly apiKey?: string | undefined;
  /** Sent with every request. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * `vllm`: ask for token ids and send sampling options beyond OpenAI's, as vLLM and the server of
   * this project take them. `none`: only what OpenAI's own API takes; token ids are then missing.
   * Default `vllm`.
   */
  readonly extensions?: "vllm" | "none" | undefined;
  /**
   * How often a request is sent again that the server was too busy for (429, 503) or that did not
   * reach it, before any answer. Default 2.
   */
  readonly maxRetries?: number | undefined;
  /** Most requests of one `generateBatch` at a time. Default 32. */
  readonly maxConcurrency?: number | undefined;
  /** Default: the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}
