import { signal } from "@preact/signals";
import { fetchWithKey } from "./server-key";

/** What the server says of its model. */
export interface ServerInfo {
  readonly modelName: string;
  /** Most tokens of a prompt and its answer together. */
  readonly maxModelLength: number;
}

/** Undefined until the server has said it. */
export const serverInfo = signal<ServerInfo | undefined>(undefined);

/** Asks the server. Where it cannot, `serverInfo` stays as it is. */
export async function loadServerInfo(): Promise<void> {
  try {
    const response = await fetchWithKey("/v1/models");
    if (!response.ok) return;
    const { data } = (await response.json()) as {
      data: readonly { readonly id: string; readonly max_model_len: number }[];
    };
    const [model] = data;
    if (model === undefined) return;
    serverInfo.value = { modelName: model.id, maxModelLength: model.max_model_len };
  } catch {
    // The scheduler's view says that the server cannot be reached, and asks for this again.
  }
}
