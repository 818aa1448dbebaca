import { cells, feed } from "../app-state";
import { formatCount } from "../format-figure";
import { countKinds } from "../scheduler/block-cell";
import { BlockGrid } from "./block-grid";
import { KindSwatch } from "./swatch";

const legend = [
  ["used", "Held by one"],
  ["shared", "Shared"],
  ["cached", "Cached"],
  ["free", "Free"],
] as const;

/** The memory of keys and values, block by block. */
export function BlockPanel() {
  const counts = countKinds(cells.value);
  const { blockSize } = feed.state.value?.snapshot ?? {};
  return (
    <>
      <h3>
        Blocks <span class="count">{formatCount(cells.value.length)}</span>
        {blockSize !== undefined && <span class="unit">{`of ${blockSize} tokens`}</span>}
      </h3>
      <BlockGrid />
      <ul class="legend">
        {legend.map(([kind, name]) => (
          <li key={kind} data-kind={kind}>
            <KindSwatch kind={kind} />
            {name} <span class="count">{formatCount(counts[kind])}</span>
          </li>
        ))}
        <li>
          <KindSwatch kind="partly" />
          Partly filled
        </li>
      </ul>
    </>
  );
}
