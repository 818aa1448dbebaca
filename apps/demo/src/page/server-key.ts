import { signal } from "@preact/signals";

const storageName = "x-server-key";

/** The key for a server that asks for one; forgotten with the tab. */
export const serverKey = signal(sessionStorage.getItem(storageName) ?? "");

/** Whether the server has turned a request away for want of the right key. */
export const isKeyWanted = signal(false);

/** Uses a key from now on. */
export function setServerKey(key: string): void {
  sessionStorage.setItem(storageName, key);
  serverKey.value = key;
  isKeyWanted.value = false;
}

/** `fetch` with the key; notes when the server wants another. */
export async function fetchWithKey(path: string, request: RequestInit = {}): Promise<Response> {
  const headers = new Headers(request.headers);
  const key = serverKey.peek();
  if (key !== "") headers.set("authorization", `Bearer ${key}`);
  const response = await fetch(path, { ...request, headers });
  // Of two answers the older must not ask for the key that has been given meanwhile.
  if (response.status === 401 && serverKey.peek() === key) isKeyWanted.value = true;
  return response;
}
