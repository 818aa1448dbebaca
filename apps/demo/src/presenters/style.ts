/** Colours for one output stream, or none. */
export interface Style {
  dim(text: string): string;
  bold(text: string): string;
  red(text: string): string;
}

/** A stream that may be a terminal. */
export interface TerminalLike {
  readonly isTTY?: boolean | undefined;
}

/** Colours for a terminal, unless `NO_COLOR` is set or the terminal has none. */
export function createStyle(
  { isTTY }: TerminalLike,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Style {
  const isColoured = isTTY === true && !environment.NO_COLOR && environment.TERM !== "dumb";
  const paint = (start: number, end: number) => (text: string) =>
    isColoured ? `\u001b[${start}m${text}\u001b[${end}m` : text;
  return { dim: paint(2, 22), bold: paint(1, 22), red: paint(31, 39) };
}
