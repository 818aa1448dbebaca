/** Exit codes: the shell's customs. */
export const exitCodes = { failure: 1, interrupted: 130, terminated: 143 } as const;

/** Something that the user asked for and that cannot be done. Shown as one line. */
export class UsageError extends Error {}

/** Ctrl-C, or a request to end, before there was anything to show. */
export class InterruptedError extends Error {
  constructor(readonly exitCode: number) {
    super("stopped");
  }
}

/** Puts a message on one line. */
export function oneLine(text: string): string {
  return text.trim().replace(/\s*[\r\n]+\s*/g, " ");
}
