/** Tokens of each continuation. */
export const NEW_TOKENS = 48;

/** Continues a prompt greedily from an empty sequence of node-llama-cpp, past any end token. */
export async function decodeGreedily(sequence, promptTokenIds) {
  await sequence.clearHistory();
  const generated = [];
  let pending = promptTokenIds;
  while (generated.length < NEW_TOKENS) {
    const last = pending.length - 1;
    const results = await sequence.controlledEvaluate([
      ...pending.slice(0, last),
      [pending[last], { generateNext: { token: true, options: { temperature: 0 } } }],
    ]);
    const token = results[last].next.token;
    generated.push(token);
    pending = [token];
  }
  return generated;
}
