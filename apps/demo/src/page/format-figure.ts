import type { Figure } from "./scheduler/figures";

/** A counter in few digits, with its unit. */
export function formatFigure({ value, unit }: Pick<Figure, "value" | "unit">): string {
  if (value === undefined) return "–";
  switch (unit) {
    case "per-second":
      return formatRate(value);
    case "milliseconds":
      return formatMilliseconds(value);
    case "share":
      return formatShare(value);
    case "count":
      return formatCount(value);
    default:
      return unit satisfies never;
  }
}

/** `0.4`, `38`. */
export function formatRate(perSecond: number): string {
  return perSecond < 10 && perSecond > 0
    ? perSecond.toFixed(1)
    : formatCount(Math.round(perSecond));
}

/** `310 ms`, `1.4 s`. */
export function formatMilliseconds(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}

/** `8,192`. */
export function formatCount(count: number): string {
  return count.toLocaleString("en");
}

/** `37 %`; what is little but not nothing is not shown as nothing. */
function formatShare(share: number): string {
  const percent = share * 100;
  return `${percent > 0 && percent < 1 ? percent.toFixed(1) : Math.round(percent)} %`;
}
