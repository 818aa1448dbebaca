/** Takes a warning for whoever develops with this library. */
export type WarningHandler = (message: string) => void;

let handler: WarningHandler | undefined;

/**
 * Sends the warnings of this library, such as one about a tensor that nobody disposed, elsewhere.
 *
 * @param next - Called with each warning; `undefined` brings the default back: `console.warn`, and
 * silence where `NODE_ENV` is `production`.
 * @returns The handler before, `undefined` for the default.
 */
export function setWarningHandler(next: WarningHandler | undefined): WarningHandler | undefined {
  const previous = handler;
  handler = next;
  return previous;
}

/** Warns whoever develops with this library; see `setWarningHandler`. */
export function warn(message: string): void {
  if (handler !== undefined) {
    handler(message);
    return;
  }
  // biome-ignore lint/suspicious/noConsole: the one place that speaks without being asked.
  if (!isProduction()) console.warn(message);
}

/** Bundlers replace the whole expression; without one, a browser has no `process`. */
function isProduction(): boolean {
  try {
    return process.env.NODE_ENV === "production";
  } catch {
    return false;
  }
}
