import type { BlockCell } from "./block-cell";
import {
  type CellSquare,
  cellSquare,
  type GridLayout,
  gridHeight,
  layOutGrid,
} from "./grid-layout";
import type { Palette } from "./palette";

/** How cells that the reader does not point at are drawn then. */
const dimmed = 0.22;

/** What a grid is drawn from. */
export interface Painting {
  readonly cells: readonly BlockCell[];
  readonly palette: Palette;
  /** The request whose blocks stand out. */
  readonly pointedRequestId: string | undefined;
}

/** Draws blocks on a canvas, and again only those that look different. */
export class BlockPainter {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #layout: GridLayout = layOutGrid(0, 0);
  #drawn: string[] = [];
  #size = "";

  constructor(canvas: HTMLCanvasElement) {
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("this browser draws on no canvas; use a newer one");
    this.#canvas = canvas;
    this.#context = context;
  }

  get layout(): GridLayout {
    return this.#layout;
  }

  /** @param width - That the grid may take, in CSS pixels. */
  paint({ cells, palette, pointedRequestId }: Painting, width: number): void {
    this.#resize(cells.length, width);
    for (const [index, cell] of cells.entries()) {
      const isPointedAt =
        pointedRequestId === undefined || cell.owners.some(({ id }) => id === pointedRequestId);
      const colors = cell.owners.map(({ color }) => palette.owners[color] ?? "");
      const look = [cell.kind, cell.fill, isPointedAt, palette.free, ...colors].join();
      if (this.#drawn[index] === look) continue;
      this.#drawn[index] = look;
      this.#context.globalAlpha = isPointedAt ? 1 : dimmed;
      this.#draw(index, cell, colors, palette);
    }
  }

  #resize(count: number, width: number): void {
    const scale = window.devicePixelRatio;
    const size = `${count} ${width} ${scale}`;
    if (size === this.#size) return;
    this.#size = size;
    this.#drawn = [];
    const layout = layOutGrid(count, width);
    this.#layout = layout;
    const height = gridHeight(layout);
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#canvas.style.height = `${height}px`;
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
  }

  #draw(
    index: number,
    { kind, fill }: BlockCell,
    colors: readonly string[],
    palette: Palette,
  ): void {
    const square = cellSquare(this.#layout, index);
    const { x, y, side } = square;
    const context = this.#context;
    context.clearRect(x, y, side, side);
    context.save();
    context.beginPath();
    context.roundRect(x, y, side, side, side / 5);
    context.clip();
    context.fillStyle = kind === "cached" ? palette.cached : palette.free;
    context.fillRect(x, y, side, side);
    if (kind === "used" || kind === "shared") {
      // Filled from below, like a glass.
      const filled = Math.max(1, Math.round(side * fill));
      const isStriped = kind === "shared";
      context.beginPath();
      context.rect(x, y + side - filled, side, filled);
      context.clip();
      this.#stripe(square, isStriped && colors.length === 1 ? [...colors, palette.free] : colors);
    }
    context.restore();
  }

  /** Fills a cell with slanted stripes, one for each colour and at least two for several. */
  #stripe({ x, y, side }: CellSquare, colors: readonly string[]): void {
    const context = this.#context;
    context.fillStyle = colors[0] ?? "";
    context.fillRect(x, y, side, side);
    if (colors.length < 2) return;
    const numStripes = colors.length === 2 ? 4 : colors.length;
    const step = (2 * side) / numStripes;
    for (let stripe = 0; stripe < numStripes; stripe++) {
      const left = x - side + stripe * step;
      context.fillStyle = colors[stripe % colors.length] ?? "";
      context.beginPath();
      context.moveTo(left, y + side);
      context.lineTo(left + side, y);
      context.lineTo(left + side + step, y);
      context.lineTo(left + step, y + side);
      context.fill();
    }
  }
}
