import { effect, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { cells, pointedRequestId } from "../app-state";
import type { BlockCell } from "../scheduler/block-cell";
import { BlockPainter } from "../scheduler/block-painter";
import { cellIndexAt, cellSquare, type GridLayout } from "../scheduler/grid-layout";
import { readPalette } from "../scheduler/palette";
import { theme } from "../theme";

/**
 * The grid of blocks. The pointer shows what a block holds, and so do the arrow keys: to a screen
 * reader the grid is a slider over the blocks, which speaks only when it is moved.
 */
export function BlockGrid() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<BlockPainter | undefined>(undefined);
  const hovered = useSignal<number | undefined>(undefined);
  const selected = useSignal(0);
  const hasFocus = useSignal(false);
  const spoken = useSignal("");

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const ownPainter = new BlockPainter(element);
    painter.current = ownPainter;
    let frame = 0;
    const width = { value: element.clientWidth };
    const paint = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        const painting = {
          cells: cells.peek(),
          palette: readPalette(),
          pointedRequestId: pointedRequestId.peek(),
        };
        ownPainter.paint(painting, width.value);
      });
    };
    const resizing = new ResizeObserver(() => {
      width.value = element.clientWidth;
      paint();
    });
    resizing.observe(element);
    const end = effect(() => {
      void [cells.value, pointedRequestId.value, theme.value];
      paint();
    });
    return () => {
      end();
      resizing.disconnect();
      cancelAnimationFrame(frame);
    };
  }, []);

  const last = Math.max(0, cells.value.length - 1);
  const select = (index: number) => {
    selected.value = Math.min(last, Math.max(0, index));
    spoken.value = cells.peek()[selected.value]?.description ?? "";
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = steps(painter.current?.layout, last)[event.key];
    if (step === undefined) return;
    event.preventDefault();
    select(selected.peek() + step);
  };
  const shownIndex = hovered.value ?? (hasFocus.value ? selected.value : undefined);
  const shown = shownIndex === undefined ? undefined : cells.value[shownIndex];

  return (
    <div class="block-grid">
      <div
        class="block-slider"
        role="slider"
        tabIndex={0}
        aria-label="Blocks, one by one"
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={last}
        aria-valuenow={Math.min(last, selected.value)}
        aria-valuetext={spoken.value}
        onKeyDown={onKeyDown}
        onFocus={() => {
          hasFocus.value = true;
          select(selected.peek());
        }}
        onBlur={() => {
          hasFocus.value = false;
        }}
        onPointerMove={({ offsetX, offsetY }) => {
          const { layout } = painter.current ?? {};
          hovered.value = layout && cellIndexAt(layout, cells.peek().length, offsetX, offsetY);
        }}
        onPointerLeave={() => {
          hovered.value = undefined;
        }}
        onPointerDown={() => {
          if (hovered.peek() !== undefined) select(hovered.peek() ?? 0);
        }}
      >
        <canvas ref={canvas} />
        {painter.current !== undefined && shown !== undefined && shownIndex !== undefined && (
          <BlockMark layout={painter.current.layout} index={shownIndex} cell={shown} />
        )}
      </div>
    </div>
  );
}

/** A frame around a block, and what it holds. */
function BlockMark(props: {
  readonly layout: GridLayout;
  readonly index: number;
  readonly cell: BlockCell;
}) {
  const { layout, index, cell } = props;
  const { x, y, side } = cellSquare(layout, index);
  const isLeft = index % layout.columns < layout.columns / 2;
  return (
    <>
      <span
        class="block-mark"
        style={{ left: `${x}px`, top: `${y}px`, width: `${side}px`, height: `${side}px` }}
      />
      <span
        class="block-tooltip"
        role="tooltip"
        data-side={isLeft ? "left" : "right"}
        style={{
          top: `${y + side + 8}px`,
          ...(isLeft ? { left: `${x}px` } : { right: `calc(100% - ${x + side}px)` }),
        }}
      >
        {cell.description}
      </span>
    </>
  );
}

function steps(layout: GridLayout | undefined, last: number): Readonly<Record<string, number>> {
  const columns = layout?.columns ?? 1;
  return {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
    PageUp: -5 * columns,
    PageDown: 5 * columns,
    Home: -last,
    End: last,
  };
}
