/** One token as the caller gave it: `Hkv · D` numbers each. */
export interface Token {
  readonly position: number;
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

/** Sizes that the models compute bytes from. */
export interface ModelSizes {
  readonly kvHeads: number;
  readonly headDim: number;
}

/** What a layer must hold, as plain arrays: the definition that a store is held against. */
export interface LayerModel {
  /** Tokens taken in. */
  length: number;
  /** What is kept, in ascending position. */
  entries(): readonly Token[];
  /** Why `count` tokens are refused, if they are. */
  refusal(count: number): RegExp | undefined;
  append(tokens: readonly Token[]): void;
  canCrop(length: number): boolean;
  crop(length: number): void;
  keepEntries?(indexes: readonly number[]): void;
  reset(): void;
  fork(): LayerModel;
  bytes(): number;
}

const rowBytes = ({ kvHeads, headDim }: ModelSizes) => 2 * kvHeads * headDim * 4;

/** Keeps everything; memory doubles, or is fixed. */
export class FullModel implements LayerModel {
  tokens: Token[] = [];
  capacity = 0;

  constructor(
    readonly sizes: ModelSizes,
    readonly initialCapacity: number,
    readonly limit = Number.POSITIVE_INFINITY,
  ) {}

  get length(): number {
    return this.tokens.length;
  }

  entries(): readonly Token[] {
    return this.tokens;
  }

  refusal(count: number): RegExp | undefined {
    return this.length + count > this.limit ? /raise maxTokens/ : undefined;
  }

  append(tokens: readonly Token[]): void {
    this.tokens.push(...tokens);
    if (this.capacity < this.length) {
      this.capacity = Math.max(this.capacity, this.initialCapacity);
      while (this.capacity < this.length) this.capacity *= 2;
    }
  }

  canCrop(): boolean {
    return true;
  }

  crop(length: number): void {
    this.tokens = this.tokens.slice(0, length);
  }

  reset(): void {
    this.tokens = [];
    this.capacity = 0;
  }

  fork(): FullModel {
    const fork = new FullModel(this.sizes, this.initialCapacity, this.limit);
    fork.tokens = [...this.tokens];
    fork.capacity = this.capacity;
    return fork;
  }

  bytes(): number {
    return this.capacity * rowBytes(this.sizes);
  }
}

/** Keeps the first `pinned` tokens and the newest `window` others. */
export class WindowModel implements LayerModel {
  tokens: Token[] = [];
  isReserved = false;

  constructor(
    readonly sizes: ModelSizes,
    readonly pinned: number,
    readonly window: number,
  ) {}

  get length(): number {
    return this.tokens.length;
  }

  entries(): readonly Token[] {
    const rest = this.tokens.slice(this.pinned);
    return [...this.tokens.slice(0, this.pinned), ...rest.slice(-this.window)];
  }

  refusal(): undefined {
    return undefined;
  }

  append(tokens: readonly Token[]): void {
    this.tokens.push(...tokens);
    this.isReserved = true;
  }

  canCrop(length: number): boolean {
    return length === 0 || length === this.length || this.length <= this.pinned + this.window;
  }

  crop(length: number): void {
    this.tokens = this.tokens.slice(0, length);
  }

  reset(): void {
    this.tokens = [];
    this.isReserved = false;
  }

  fork(): WindowModel {
    const fork = new WindowModel(this.sizes, this.pinned, this.window);
    fork.tokens = [...this.tokens];
    fork.isReserved = this.isReserved;
    return fork;
  }

  bytes(): number {
    return this.isReserved ? (this.pinned + this.window) * rowBytes(this.sizes) : 0;
  }
}

/** Keeps at most `maxTokens` between steps: the newest, or those that are chosen by hand. */
export class BoundedModel implements LayerModel {
  length = 0;
  kept: Token[] = [];
  capacity = 0;
  isEvicted = false;

  constructor(
    readonly sizes: ModelSizes,
    readonly maxTokens: number,
  ) {}

  entries(): readonly Token[] {
    return this.kept;
  }

  refusal(): undefined {
    return undefined;
  }

  append(tokens: readonly Token[]): void {
    const { maxTokens } = this;
    const room = tokens.length > maxTokens ? maxTokens : maxTokens - tokens.length;
    if (this.kept.length > room) {
      this.kept = room === 0 ? [] : this.kept.slice(-room);
      this.isEvicted = true;
    }
    this.kept.push(...tokens);
    this.length += tokens.length;
    if (this.capacity < this.kept.length) this.capacity = Math.max(maxTokens, this.kept.length);
  }

  canCrop(length: number): boolean {
    return length === 0 || length === this.length || !this.isEvicted;
  }

  crop(length: number): void {
    this.kept = this.kept.filter(({ position }) => position < length);
    this.length = length;
    if (length === 0) this.isEvicted = false;
  }

  keepEntries(indexes: readonly number[]): void {
    if (indexes.length < this.kept.length) this.isEvicted = true;
    this.kept = indexes.map((index) => this.kept[index]!);
  }

  reset(): void {
    this.kept = [];
    this.length = 0;
    this.capacity = 0;
    this.isEvicted = false;
  }

  fork(): BoundedModel {
    const fork = new BoundedModel(this.sizes, this.maxTokens);
    fork.length = this.length;
    fork.kept = [...this.kept];
    fork.capacity = this.capacity;
    fork.isEvicted = this.isEvicted;
    return fork;
  }

  bytes(): number {
    return this.capacity * rowBytes(this.sizes);
  }
}

/** Settings of a {@link QuantizedModel}. */
export interface QuantizedModelOptions extends ModelSizes {
  readonly bits: number;
  readonly groupSize: number;
  readonly residual: number;
  readonly valueGroup: number;
}

interface Piece {
  readonly block: { owners: number };
  tokens: number;
}

/** Rounds older tokens, in groups, by the definition. */
export class QuantizedModel implements LayerModel {
  tokens: Token[] = [];
  pieces: Piece[] = [];
  isReserved = false;

  constructor(readonly options: QuantizedModelOptions) {}

  get length(): number {
    return this.tokens.length;
  }

  get packed(): number {
    return this.pieces.reduce((sum, { tokens }) => sum + tokens, 0);
  }

  entries(): readonly Token[] {
    return this.tokens;
  }

  refusal(): undefined {
    return undefined;
  }

  append(tokens: readonly Token[]): void {
    const { groupSize, residual } = this.options;
    this.isReserved = true;
    for (const token of tokens) {
      this.tokens.push(token);
      if (this.length - this.packed < residual + groupSize) continue;
      const start = this.packed;
      const group = this.tokens.slice(start, start + groupSize);
      this.tokens.splice(start, groupSize, ...roundGroup(group, this.options));
      this.pieces.push({ block: { owners: 1 }, tokens: groupSize });
    }
  }

  canCrop(): boolean {
    return true;
  }

  crop(length: number): void {
    this.tokens = this.tokens.slice(0, length);
    let start = 0;
    const kept: Piece[] = [];
    for (const { block, tokens } of this.pieces) {
      const left = Math.min(tokens, length - start);
      if (left > 0) kept.push({ block, tokens: left });
      else block.owners--;
      start += tokens;
    }
    this.pieces = kept;
  }

  reset(): void {
    this.crop(0);
    this.isReserved = false;
  }

  fork(): QuantizedModel {
    const fork = new QuantizedModel(this.options);
    fork.tokens = [...this.tokens];
    fork.pieces = this.pieces.map(({ block, tokens }) => {
      block.owners++;
      return { block, tokens };
    });
    // Forks copy what is in full precision, so none is reserved for nothing.
    fork.isReserved = this.length > this.packed;
    return fork;
  }

  bytes(): number {
    const { kvHeads, headDim, groupSize, residual, bits, valueGroup } = this.options;
    const codes = (2 * groupSize * headDim * bits) / 8;
    const scales = 8 * headDim + (8 * groupSize * headDim) / valueGroup;
    const block = kvHeads * (codes + scales);
    const shares = this.pieces.reduce((sum, piece) => sum + block / piece.block.owners, 0);
    return shares + (this.isReserved ? rowBytes(this.options) * (residual + groupSize) : 0);
  }
}

function roundGroup(
  group: readonly Token[],
  { kvHeads, headDim, bits, valueGroup }: QuantizedModelOptions,
): Token[] {
  const rounded = group.map(({ position, keys, values }) => ({
    position,
    keys: keys.slice(),
    values: values.slice(),
  }));
  for (let column = 0; column < kvHeads * headDim; column++) {
    const levels = roundTogether(
      rounded.map(({ keys }) => keys[column]!),
      bits,
    );
    for (const [index, level] of levels.entries()) rounded[index]!.keys[column] = level;
  }
  for (const { values } of rounded) {
    for (let start = 0; start < kvHeads * headDim; start += valueGroup) {
      values.set(roundTogether([...values.subarray(start, start + valueGroup)], bits), start);
    }
  }
  return rounded;
}

function roundTogether(elements: readonly number[], bits: number): number[] {
  const low = Math.min(...elements);
  const step = Math.fround((Math.max(...elements) - low) / (2 ** bits - 1));
  if (step === 0) return elements.map(() => low);
  return elements.map((element) => low + step * Math.round((element - low) / step));
}

/** A pool that counts. */
export class PoolModel {
  free: number;

  constructor(
    readonly sizes: ModelSizes,
    blocks: number,
    readonly blockSize: number,
    readonly layers: number,
  ) {
    this.free = blocks - 1;
  }
}

/** The blocks of one sequence: how many owners each has. */
interface TableModel {
  readonly pool: PoolModel;
  blocks: { owners: number }[];
  members: PagedModel[];
}

/** Keeps everything, in blocks that forks share until one writes. */
export class PagedModel implements LayerModel {
  tokens: Token[] = [];

  constructor(readonly table: TableModel) {
    table.members.push(this);
  }

  get length(): number {
    return this.tokens.length;
  }

  entries(): readonly Token[] {
    return this.tokens;
  }

  refusal(count: number): RegExp | undefined {
    return this.#needs(count) > this.table.pool.free ? /make the pool larger/ : undefined;
  }

  append(tokens: readonly Token[]): void {
    const { pool, blocks } = this.table;
    pool.free -= this.#needs(tokens.length);
    for (let index = Math.floor(this.length / pool.blockSize); index < blocks.length; index++) {
      if (blocks[index]!.owners === 1) continue;
      blocks[index]!.owners--;
      blocks[index] = { owners: 1 };
    }
    this.tokens.push(...tokens);
    while (blocks.length * pool.blockSize < this.length) blocks.push({ owners: 1 });
  }

  canCrop(): boolean {
    return true;
  }

  crop(length: number): void {
    this.tokens = this.tokens.slice(0, length);
    const { pool, blocks, members } = this.table;
    const longest = Math.max(...members.map((member) => member.length));
    for (const block of blocks.splice(Math.ceil(longest / pool.blockSize))) {
      block.owners--;
      if (block.owners === 0) pool.free++;
    }
  }

  reset(): void {
    this.crop(0);
  }

  fork(): never {
    throw new Error("fork the sequence");
  }

  bytes(): number {
    const { pool, blocks } = this.table;
    const block = pool.blockSize * rowBytes(pool.sizes);
    return blocks.reduce((sum, { owners }) => sum + block / owners, 0);
  }

  #needs(count: number): number {
    const { pool, blocks } = this.table;
    const first = Math.floor(this.length / pool.blockSize);
    const shared = blocks.slice(first).filter(({ owners }) => owners > 1).length;
    const total = Math.ceil((this.length + count) / pool.blockSize);
    return shared + Math.max(0, total - blocks.length);
  }
}

/** Layers of a sequence that share a table. */
export function pagedModels(pool: PoolModel): PagedModel[] {
  const table: TableModel = { pool, blocks: [], members: [] };
  return Array.from({ length: pool.layers }, () => new PagedModel(table));
}

/** Forks them together. */
export function forkPaged(models: readonly PagedModel[]): PagedModel[] {
  const { pool, blocks } = models[0]!.table;
  for (const block of blocks) block.owners++;
  const table: TableModel = { pool, blocks: [...blocks], members: [] };
  return models.map(({ tokens }) => {
    const fork = new PagedModel(table);
    fork.tokens = [...tokens];
    return fork;
  });
}
