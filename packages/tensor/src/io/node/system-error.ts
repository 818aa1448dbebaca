/** Whether the operating system said no, rather than a tensor, a signal or the caller. */
export function isSystemError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error;
}
