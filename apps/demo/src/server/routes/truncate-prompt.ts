/** The last `limit` tokens of a prompt; −1 for as many as leave room for one more. */
export function truncatePrompt(
  tokenIds: readonly number[],
  limit: number | undefined,
  maxModelLength: number,
): readonly number[] {
  if (limit === undefined) return tokenIds;
  const kept = limit === -1 ? maxModelLength - 1 : limit;
  return tokenIds.slice(Math.max(0, tokenIds.length - kept));
}
