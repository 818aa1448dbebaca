import type { BlockSnapshot, SchedulerSnapshot } from "@x/paged-scheduler";
import type { Owner } from "./owners";

/** What the grid shows of a block. */
export interface BlockCell {
  readonly id: number;
  readonly kind: "free" | "cached" | "used" | "shared";
  readonly owners: readonly Owner[];
  /** Share of the slots that hold a token, 0 to 1. */
  readonly fill: number;
  readonly description: string;
}

/** All blocks but the reserved one, by id. */
export function toBlockCells(
  { blocks, blockSize }: SchedulerSnapshot,
  owners: ReadonlyMap<string, Owner>,
): BlockCell[] {
  return blocks
    .filter(({ state }) => state !== "null")
    .map((block) => {
      const holders = block.owners.flatMap((id) => owners.get(id) ?? []);
      const isShared = block.refCount > 1;
      const kind = block.state === "used" ? (isShared ? "shared" : "used") : toFreeKind(block);
      return {
        id: block.id,
        kind,
        owners: holders,
        fill: block.numFilledSlots / blockSize,
        description: describe(block, kind, holders, blockSize),
      };
    });
}

/** Number of blocks of each kind. */
export function countKinds(cells: readonly BlockCell[]): Record<BlockCell["kind"], number> {
  const counts = { free: 0, cached: 0, used: 0, shared: 0 };
  for (const { kind } of cells) counts[kind]++;
  return counts;
}

function toFreeKind({ state }: BlockSnapshot): "free" | "cached" {
  return state === "cached" ? "cached" : "free";
}

function describe(
  { id, refCount, numFilledSlots }: BlockSnapshot,
  kind: BlockCell["kind"],
  owners: readonly Owner[],
  blockSize: number,
): string {
  const name = `Block ${id}`;
  if (kind === "free") return `${name}: free`;
  if (kind === "cached") return `${name}: free, its content kept for a prompt that begins alike`;
  const holders = owners.map(({ label }) => label).join(" and ");
  const references = `${refCount} ${refCount === 1 ? "reference" : "references"}`;
  const slots = `${numFilledSlots} of ${blockSize} slots`;
  const verb = kind === "shared" ? "shared by" : "held by";
  return `${name}: ${verb} ${holders}, ${slots}, ${references}`;
}
