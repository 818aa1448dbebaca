/** Why a request brought no answer, or not all of it. */
export type FailureKind =
  /** Too many requests run and wait. */
  | "full"
  /** The request itself is at fault. */
  | "rejected"
  /** The server wants a key that it did not get. */
  | "locked"
  /** The server answers nothing for now. */
  | "unavailable"
  /** No answer at all. */
  | "unreachable"
  /** The answer broke off. */
  | "lost"
  /** The server could not finish the answer. */
  | "failed";

const titles: Readonly<Record<FailureKind, string>> = {
  full: "The server is full",
  rejected: "The server refused this request",
  locked: "The server asks for a key",
  unavailable: "The server takes no requests now",
  unreachable: "The server cannot be reached",
  lost: "The connection was lost",
  failed: "The answer failed",
};

/** A failed request in words. */
export class RequestFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }

  get title(): string {
    return titles[this.kind];
  }
}

/** What an answer that is no success says. */
export async function readFailure(response: Response): Promise<RequestFailure> {
  const said = await readMessage(response);
  switch (response.status) {
    case 429:
      return new RequestFailure("full", `${retryHint(response)} ${said}`);
    case 401:
      return new RequestFailure("locked", "Give the key that it was started with.");
    case 503:
      return new RequestFailure("unavailable", said);
    default:
      return new RequestFailure(response.status < 500 ? "rejected" : "failed", said);
  }
}

async function readMessage(response: Response): Promise<string> {
  try {
    const { error } = (await response.json()) as { error: { message: string } };
    return sentence(error.message);
  } catch {
    return `It answered with status ${response.status}.`;
  }
}

/** With a capital and a full stop. */
export function sentence(text: string): string {
  const stop = /[.!?]$/.test(text) ? "" : ".";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${stop}`;
}

function retryHint(response: Response): string {
  const seconds = Number(response.headers.get("retry-after"));
  if (!(seconds > 0)) return "Try again in a moment.";
  return `Try again in about ${seconds === 1 ? "a second" : `${seconds} seconds`}.`;
}
