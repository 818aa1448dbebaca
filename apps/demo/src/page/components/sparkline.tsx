import type { Figure } from "../scheduler/figures";
import { type Sample, SampleHistory } from "../scheduler/sample-history";

const height = 24;
const width = 120;

/** Without a sample for so long, the line is broken, in milliseconds. */
const gapMs = 3000;

/** The last minute of a figure; its number stands beside it. */
export function Sparkline({ figure }: { readonly figure: Figure }) {
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path d={toPath(figure)} />
    </svg>
  );
}

/** From a minute ago at the left to now at the right; from 0 at the bottom. */
function toPath({ samples, unit }: Figure): string {
  const now = samples.at(-1)?.at ?? 0;
  const top = unit === "share" ? 1 : Math.max(1, ...samples.map(({ value }) => value));
  const x = ({ at }: Sample) => (width * (1 - (now - at) / SampleHistory.spanMs)).toFixed(1);
  const y = ({ value }: Sample) => (height - 1 - (height - 2) * (value / top)).toFixed(1);
  return samples
    .map((sample, index) => {
      const previous = samples[index - 1];
      const begins = previous === undefined || sample.at - previous.at > gapMs;
      return `${begins ? "M" : "L"}${x(sample)} ${y(sample)}`;
    })
    .join("");
}
