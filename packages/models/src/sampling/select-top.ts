/**
 * Whether token `left` comes before `right`: by its logit, and of equal logits by its id. No two
 * tokens are equal in this order, so every cut is exact.
 */
function comesFirst(logits: Float32Array, left: number, right: number): boolean {
  const leftLogit = logits[left] as number;
  const rightLogit = logits[right] as number;
  return leftLogit > rightLogit || (leftLogit === rightLogit && left < right);
}

/**
 * The `count` likeliest tokens, in no order. Tokens of `-Infinity` are never among them.
 *
 * @param logits - One per token.
 * @param candidates - Receives the ids at its front; as long as `logits`.
 * @param count - 1 or more.
 * @returns How many ids there are: `count`, or fewer when fewer are possible.
 */
export function selectTop(logits: Float32Array, candidates: Int32Array, count: number): number {
  // Collecting above a floor that rises at each overflow looks at most tokens only once.
  const capacity = Math.min(logits.length, 2 * count + 64);
  let kept = 0;
  let floor = -Infinity;
  for (let id = 0; id < logits.length; id += 1) {
    if ((logits[id] as number) > floor) {
      candidates[kept] = id;
      kept += 1;
      if (kept === capacity && kept > count) {
        moveFirst(logits, candidates, kept, count);
        kept = count;
        floor = smallest(logits, candidates, kept);
      }
    }
  }
  moveFirst(logits, candidates, kept, count);
  return Math.min(kept, count);
}

/**
 * Moves the fewest of the likeliest tokens whose weights sum to at least `mass` to the front, in no
 * order.
 *
 * @param logits - One per token: the order.
 * @param weights - One per token: what is summed.
 * @param candidates - Ids, reordered in place.
 * @param length - How many of `candidates` there are, 1 or more.
 * @returns How many tokens it takes: at least 1, and all when rounding keeps the sum below `mass`.
 */
export function selectMass(
  logits: Float32Array,
  weights: Float64Array,
  candidates: Int32Array,
  length: number,
  mass: number,
): number {
  let start = 0;
  let end = length;
  // Weight still wanted from the candidates at `start` and after.
  let wanted = mass;
  while (end - start > 1) {
    const pivot = partition(logits, candidates, start, end);
    let before = 0;
    for (let index = start; index < pivot; index += 1) {
      before += weights[candidates[index] as number] as number;
    }
    if (before >= wanted) {
      end = pivot;
      continue;
    }
    wanted -= before + (weights[candidates[pivot] as number] as number);
    if (wanted <= 0) {
      return pivot + 1;
    }
    start = pivot + 1;
  }
  return Math.max(end, 1);
}

/** Moves the `count` likeliest of the first `length` candidates to the front, in no order. */
function moveFirst(
  logits: Float32Array,
  candidates: Int32Array,
  length: number,
  count: number,
): void {
  let start = 0;
  let end = length;
  while (end - start > 1 && count > start && count < end) {
    const pivot = partition(logits, candidates, start, end);
    if (count <= pivot) {
      end = pivot;
    } else {
      start = pivot + 1;
    }
  }
}

/**
 * Lomuto's partition by the median of three: what comes first goes left of the returned position,
 * the rest right of it. Needs two candidates or more.
 */
function partition(
  logits: Float32Array,
  candidates: Int32Array,
  start: number,
  end: number,
): number {
  const last = end - 1;
  const middle = (start + last) >>> 1;
  sortPair(logits, candidates, start, middle);
  sortPair(logits, candidates, middle, last);
  sortPair(logits, candidates, start, middle);
  // The median waits at the end while the others find their side.
  swap(candidates, middle, last);
  const pivot = candidates[last] as number;
  let position = start;
  for (let index = start; index < last; index += 1) {
    if (comesFirst(logits, candidates[index] as number, pivot)) {
      swap(candidates, index, position);
      position += 1;
    }
  }
  swap(candidates, position, last);
  return position;
}

function sortPair(logits: Float32Array, candidates: Int32Array, left: number, right: number): void {
  if (comesFirst(logits, candidates[right] as number, candidates[left] as number)) {
    swap(candidates, left, right);
  }
}

function swap(candidates: Int32Array, left: number, right: number): void {
  const moved = candidates[left] as number;
  candidates[left] = candidates[right] as number;
  candidates[right] = moved;
}

function smallest(logits: Float32Array, candidates: Int32Array, length: number): number {
  let least = Infinity;
  for (let index = 0; index < length; index += 1) {
    least = Math.min(least, logits[candidates[index] as number] as number);
  }
  return least;
}
