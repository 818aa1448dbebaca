/** Full blocks became findable: content, in order, of consecutive blocks of one request. */
export interface BlocksStoredEvent {
  readonly type: "blocks-stored";
  /** Index of the key/value group. */
  readonly group: number;
  readonly blockIds: readonly number[];
  /** Chain hash of each block, 16 hexadecimal digits. */
  readonly hashes: readonly string[];
  /** Chain hash of the block before the first; `undefined` at the start of a sequence. */
  readonly parentHash: string | undefined;
  /** The blocks' token ids, `blockSize` per block. */
  readonly tokens: readonly number[];
}

/** A block's content can no longer be found: it was handed out again, or its step was discarded. */
export interface BlockRemovedEvent {
  readonly type: "block-removed";
  readonly group: number;
  readonly blockId: number;
  readonly hash: string;
}

/** The whole prefix cache was reset. */
export interface CacheClearedEvent {
  readonly type: "cache-cleared";
}

/** A change of the prefix cache, for routers and displays that mirror it. */
export type BlockEvent = BlocksStoredEvent | BlockRemovedEvent | CacheClearedEvent;

/** Called at each change of the prefix cache, synchronously; it must not call back. */
export type BlockEventListener = (event: BlockEvent) => void;
