import type { SchedulerSnapshot } from "@x/paged-scheduler";
import type { Conversation } from "../chat/conversation";

/** Colours that owners are told apart by. */
export const numColors = 8;

/** Who holds blocks, for the reader. */
export interface Owner {
  readonly id: string;
  /** A column's letter, or the number of a request from elsewhere. */
  readonly label: string;
  /** Index of a colour. */
  readonly color: number;
}

/** Gives every request of the scheduler a label and a colour that it keeps. */
export class Owners {
  #colors = new Map<string, number>();

  /**
   * @param byRequestId - The page's own requests.
   * @returns The owners of all live requests, by id.
   */
  assign(
    { running, waiting }: SchedulerSnapshot,
    byRequestId: ReadonlyMap<string, Conversation>,
  ): ReadonlyMap<string, Owner> {
    const ids = [...running, ...waiting].map(({ id }) => id);
    const colors = new Map<string, number>();
    for (const id of ids) {
      const own = byRequestId.get(id)?.index;
      const color = own === undefined ? this.#colors.get(id) : own % numColors;
      if (color !== undefined) colors.set(id, color);
    }
    for (const id of ids) if (!colors.has(id)) colors.set(id, rarest(colors));
    this.#colors = colors;
    return new Map(
      ids.map((id) => {
        const label = byRequestId.get(id)?.letter ?? `#${id.replace("#", ".")}`;
        return [id, { id, label, color: colors.get(id) ?? 0 }];
      }),
    );
  }
}

/** The last of the colours that fewest have: the first ones are the columns' own. */
function rarest(colors: ReadonlyMap<string, number>): number {
  const uses = new Array<number>(numColors).fill(0);
  for (const color of colors.values()) uses[color] = (uses[color] ?? 0) + 1;
  return uses.lastIndexOf(Math.min(...uses));
}
