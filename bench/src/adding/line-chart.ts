/** A curve of a chart. */
interface ChartLine {
  readonly label: string;
  readonly color: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** What a chart shows. */
export interface ChartOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly lines: readonly ChartLine[];
  /** Whether y is drawn by its order of magnitude. */
  readonly logarithmic?: boolean;
}

const [width, height] = [640, 360];
const frame = { left: 64, right: 130, top: 36, bottom: 48 };

/** An SVG of curves with axes and a legend, readable on light and dark pages. */
export function lineChart({
  title,
  xLabel,
  yLabel,
  lines,
  logarithmic = false,
}: ChartOptions): string {
  const scale = (value: number) => (logarithmic ? Math.log10(Math.max(value, 1e-30)) : value);
  const all = lines.flatMap(({ points }) => points);
  const xs = all.map(([x]) => x);
  const ys = all.map(([, y]) => scale(y)).filter(Number.isFinite);
  const [xLow, xHigh] = [Math.min(...xs), Math.max(...xs)];
  const low = logarithmic ? Math.floor(Math.min(...ys)) : 0;
  const high = logarithmic ? Math.ceil(Math.max(...ys)) : Math.max(...ys) * 1.05;
  const [innerWidth, innerHeight] = [
    width - frame.left - frame.right,
    height - frame.top - frame.bottom,
  ];
  const px = (x: number) => frame.left + ((x - xLow) / (xHigh - xLow || 1)) * innerWidth;
  const py = (y: number) => frame.top + (1 - (y - low) / (high - low || 1)) * innerHeight;
  const step = logarithmic ? Math.max(1, Math.round((high - low) / 5)) : (high - low) / 5;
  const ticks: string[] = [];
  for (let value = low; value <= high + step / 2; value += step) {
    const label = logarithmic ? `1e${value}` : value.toFixed(2);
    ticks.push(
      `<line x1="${frame.left}" x2="${frame.left + innerWidth}" y1="${py(value).toFixed(1)}" y2="${py(value).toFixed(1)}" stroke="#8886"/>`,
      `<text x="${frame.left - 6}" y="${(py(value) + 4).toFixed(1)}" text-anchor="end">${label}</text>`,
    );
  }
  for (let index = 0; index <= 4; index++) {
    const value = xLow + ((xHigh - xLow) * index) / 4;
    ticks.push(
      `<text x="${px(value).toFixed(1)}" y="${height - frame.bottom + 18}" text-anchor="middle">${Math.round(value)}</text>`,
    );
  }
  const curves = lines.map(({ points, color, label }, index) => {
    const path = points
      .filter(([, y]) => Number.isFinite(scale(y)))
      .map(([x, y], at) => `${at === 0 ? "M" : "L"}${px(x).toFixed(1)} ${py(scale(y)).toFixed(1)}`)
      .join("");
    const y = frame.top + 12 + index * 20;
    const x = width - frame.right + 12;
    return `<path d="${path}" fill="none" stroke="${color}" stroke-width="2"/><line x1="${x}" x2="${x + 18}" y1="${y}" y2="${y}" stroke="${color}" stroke-width="3"/><text x="${x + 24}" y="${y + 4}">${label}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#777">
<title>${title}</title>
<text x="${frame.left}" y="20" font-size="14">${title}</text>
${ticks.join("\n")}
${curves.join("\n")}
<text x="${frame.left + innerWidth / 2}" y="${height - 8}" text-anchor="middle">${xLabel}</text>
<text x="16" y="${frame.top + innerHeight / 2}" text-anchor="middle" transform="rotate(-90 16 ${frame.top + innerHeight / 2})">${yLabel}</text>
</svg>
`;
}
