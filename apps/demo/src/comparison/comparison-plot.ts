import type { TopLevelSpec } from "vega-lite";
import type { ComparisonRow } from "./comparison-row";

const colours = { light: "#3b6fd4", text: "#3c4043", grid: "#e3e6ea" };

/**
 * Speed and memory of every way as bars, side by side.
 *
 * @returns An SVG document.
 */
export async function plotComparison(
  rows: readonly ComparisonRow[],
  title: string,
): Promise<string> {
  // Loaded here: no other command draws.
  const [{ compile }, { parse, View }] = await Promise.all([import("vega-lite"), import("vega")]);
  const view = new View(parse(compile(specification(rows, title)).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

function specification(rows: readonly ComparisonRow[], title: string): TopLevelSpec {
  const names = rows.map(({ name }) => name);
  const bars = (field: string, axisTitle: string, isFirst: boolean) => ({
    width: 300,
    height: { step: 26 },
    encoding: {
      y: {
        field: "name",
        type: "nominal" as const,
        sort: names,
        title: null,
        axis: isFirst ? { labelLimit: 220 } : null,
      },
      x: { field, type: "quantitative" as const, title: axisTitle },
    },
    layer: [
      { mark: { type: "bar" as const, cornerRadiusEnd: 2 } },
      {
        mark: { type: "text" as const, align: "left" as const, dx: 4 },
        encoding: { text: { field, type: "quantitative" as const, format: ".1f" } },
      },
    ],
  });
  return {
    title: { text: title, anchor: "start", offset: 14 },
    data: { values: rows.map((row) => ({ ...row, megabytes: row.cacheBytes / 1e6 })) },
    hconcat: [
      bars("tokensPerSecond", "new tokens per second", true),
      bars("megabytes", "keys and values in use, MB", false),
    ],
    config: {
      font: "system-ui, sans-serif",
      background: "white",
      bar: { color: colours.light },
      text: { color: colours.text },
      title: { color: colours.text, fontWeight: 600 },
      axis: {
        labelColor: colours.text,
        titleColor: colours.text,
        titleFontWeight: "normal",
        gridColor: colours.grid,
        domain: false,
        ticks: false,
      },
      view: { stroke: null },
    },
  };
}
