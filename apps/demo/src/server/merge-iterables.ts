/** The items of all `sources` as they come. Leaving early leaves every source. */
export async function* mergeIterables<Item>(
  sources: readonly AsyncIterable<Item>[],
): AsyncGenerator<Item, void, undefined> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const next = async (iterator: AsyncIterator<Item>) => ({
    iterator,
    result: await iterator.next(),
  });
  const pending = new Map(iterators.map((iterator) => [iterator, next(iterator)]));
  try {
    while (pending.size > 0) {
      const { iterator, result } = await Promise.race(pending.values());
      if (result.done) {
        pending.delete(iterator);
        continue;
      }
      pending.set(iterator, next(iterator));
      yield result.value;
    }
  } finally {
    // A source that failed rejects its waiting promise as well; the failure is on its way already.
    for (const promise of pending.values()) promise.catch(() => {});
    for (const iterator of pending.keys()) void iterator.return?.();
  }
}
