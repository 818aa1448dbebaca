import { figures } from "../app-state";
import { formatFigure } from "../format-figure";
import { Sparkline } from "./sparkline";

/** The counters, each with its last minute. */
export function FigureList() {
  return (
    <dl class="figures">
      {figures.list.value.map((figure) => (
        <div key={figure.name}>
          <dt>{figure.name}</dt>
          <dd>{formatFigure(figure)}</dd>
          <Sparkline figure={figure} />
        </div>
      ))}
    </dl>
  );
}
