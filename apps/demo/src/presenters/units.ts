/** Bytes in megabytes: `98.4 MB`. */
export function formatBytes(bytes: number): string {
  const megabytes = bytes / 1e6;
  return megabytes < 100 ? `${megabytes.toFixed(1)} MB` : `${Math.round(megabytes)} MB`;
}

/** Milliseconds as people say them: `85 ms`, `1.24 s`. */
export function formatDuration(milliseconds: number): string {
  return milliseconds < 1000
    ? `${Math.round(milliseconds)} ms`
    : `${(milliseconds / 1000).toFixed(2)} s`;
}

/** A count with its noun: `1 token`, `2 tokens`. */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
