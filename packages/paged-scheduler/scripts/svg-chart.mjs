// Charts as plain SVG text: axes, lines, bars, a legend. No library, so that figures are the same
// bytes wherever they are made.

const width = 640;
const height = 360;
const margin = { left: 64, right: 20, top: 44, bottom: 52 };
const font = 'font-family="system-ui, sans-serif"';

/** One colour per policy, readable on white and told apart without hue. */
export const colours = ["#1b6ca8", "#d1495b", "#edae49", "#66707a"];

function escapeText(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** A line of text; `anchor` is where `x` is: `start`, `middle` or `end`. */
export function text(x, y, content, style = {}) {
  const { size = 13, weight = 400, anchor = "start", fill = "#222" } = style;
  return `<text x="${round(x)}" y="${round(y)}" ${font} font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="${fill}">${escapeText(content)}</text>`;
}

export function round(value) {
  return Number(value.toFixed(1));
}

/** A whole file. `title` is for those who cannot see it. */
export function document(title, body, size = { width, height }) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}">
<title>${escapeText(title)}</title>
<rect width="100%" height="100%" fill="#fff"/>
${body.join("\n")}
</svg>
`;
}

/**
 * Lines over a common x axis.
 *
 * @param {object} chart
 * @param {string} chart.title
 * @param {{ label: string, min: number, max: number, ticks: (number | [number, string])[], scale?: "linear" | "log" }} chart.x
 * @param {{ label: string, min: number, max: number, ticks: (number | [number, string])[] }} chart.y
 * @param {{ name: string, points: [number, number][], colour: string, marks?: boolean }[]} chart.lines
 * @param {{ x: number, y: number }} [chart.legend] - Where the legend begins; default upper right.
 */
export function lineChart({ title, x, y, lines, legend = { x: width - 190, y: margin.top + 8 } }) {
  const body = frame(title, x, y);
  lines.forEach(({ name, points, marks = false, colour }, index) => {
    const path = points.map(([at, value]) => `${placeX(x, at)},${placeY(y, value)}`);
    const style = `fill="none" stroke="${colour}" stroke-width="2"`;
    body.push(`<polyline points="${path.join(" ")}" ${style}/>`);
    if (marks) {
      for (const [at, value] of points) {
        body.push(
          `<circle cx="${placeX(x, at)}" cy="${placeY(y, value)}" r="3" fill="${colour}"/>`,
        );
      }
    }
    if (lines.length === 1) return;
    const row = legend.y + 19 * index;
    body.push(
      `<line x1="${legend.x}" x2="${legend.x + 24}" y1="${row - 4}" y2="${row - 4}" ${style}/>`,
      text(legend.x + 32, row, name),
    );
  });
  return document(title, body);
}

/** Bars with their values on top. */
export function barChart({ title, y, bars }) {
  const x = { label: "", min: 0, max: bars.length, ticks: [] };
  const body = frame(title, x, y);
  bars.forEach(({ name, value, label, colour }, index) => {
    const left = placeX(x, index + 0.2);
    const right = placeX(x, index + 0.8);
    const top = placeY(y, value);
    const middle = (left + right) / 2;
    body.push(
      `<rect x="${left}" y="${top}" width="${round(right - left)}" height="${round(placeY(y, y.min) - top)}" fill="${colour}"/>`,
      text(middle, top - 6, label, { anchor: "middle" }),
      text(middle, height - margin.bottom + 20, name, { anchor: "middle" }),
    );
  });
  return document(title, body);
}

function frame(title, x, y) {
  const bottom = height - margin.bottom;
  const right = width - margin.right;
  const body = [text(margin.left, 22, title, { size: 15, weight: 600 })];
  for (const tick of y.ticks) {
    const [value, label] = Array.isArray(tick) ? tick : [tick, tick];
    const at = placeY(y, value);
    body.push(
      `<line x1="${margin.left}" x2="${right}" y1="${at}" y2="${at}" stroke="#ddd"/>`,
      text(margin.left - 8, at + 4, label, { anchor: "end" }),
    );
  }
  for (const tick of x.ticks) {
    const [value, label] = Array.isArray(tick) ? tick : [tick, tick];
    body.push(text(placeX(x, value), bottom + 20, label, { anchor: "middle" }));
  }
  body.push(
    `<line x1="${margin.left}" x2="${right}" y1="${bottom}" y2="${bottom}" stroke="#222"/>`,
    text((margin.left + right) / 2, height - 12, x.label, { anchor: "middle" }),
    `<g transform="translate(16 ${(margin.top + bottom) / 2}) rotate(-90)">${text(0, 0, y.label, { anchor: "middle" })}</g>`,
  );
  return body;
}

function placeX({ min, max, scale = "linear" }, value) {
  const map = scale === "log" ? Math.log : (number) => number;
  const share = (map(value) - map(min)) / (map(max) - map(min));
  return round(margin.left + share * (width - margin.left - margin.right));
}

function placeY({ min, max }, value) {
  const share = (value - min) / (max - min);
  return round(height - margin.bottom - share * (height - margin.top - margin.bottom));
}
