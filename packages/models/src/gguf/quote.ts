/** `text` in quotes, escaped and cut to what fits in a one-line message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
