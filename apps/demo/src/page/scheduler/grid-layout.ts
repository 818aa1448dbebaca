/** Where the cells of a grid lie, in CSS pixels. */
export interface GridLayout {
  readonly columns: number;
  readonly rows: number;
  /** From one cell to the next; not always whole, so that the columns fill the width. */
  readonly pitch: number;
  readonly gap: number;
}

/** A square of whole pixels. */
export interface CellSquare {
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

const pitches = { most: 18, least: 4 };
const mostHeight = 300;

/** The largest cells with which `count` of them fit `width`, and a height if they can. */
export function layOutGrid(count: number, width: number): GridLayout {
  let least = pitches.most;
  const columnsAt = () => Math.max(1, Math.floor((width + gapOf(least)) / least));
  while (least > pitches.least && Math.ceil(count / columnsAt()) * least > mostHeight) least--;
  const columns = columnsAt();
  const gap = gapOf(least);
  return { columns, rows: Math.ceil(count / columns), pitch: (width + gap) / columns, gap };
}

/** Where the cell of an index lies. */
export function cellSquare({ columns, pitch, gap }: GridLayout, index: number): CellSquare {
  return {
    x: Math.round((index % columns) * pitch),
    y: Math.round(Math.floor(index / columns) * pitch),
    side: Math.floor(pitch - gap),
  };
}

/** Height of all rows. */
export function gridHeight({ rows, pitch, gap }: GridLayout): number {
  return Math.max(1, Math.ceil(rows * pitch - gap));
}

/** Index of the cell at a point; undefined beside all cells. */
export function cellIndexAt(
  { columns, pitch }: GridLayout,
  count: number,
  x: number,
  y: number,
): number | undefined {
  const column = Math.floor(x / pitch);
  const index = Math.floor(y / pitch) * columns + column;
  return column >= 0 && column < columns && index >= 0 && index < count ? index : undefined;
}

function gapOf(pitch: number): number {
  return pitch >= 10 ? 3 : 1;
}
