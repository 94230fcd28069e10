/** The most tokens of a prompt in one run, and where it returns the logits of each of them, which are long. */
const most = { tokens: 256, withLogits: 16 }

/**
 * The next chunk of a prompt. The last one returns logits, for the first new token.
 *
 * @param unread Tokens of the prompt that are left.
 * @param fitting How many take no longer than others should wait.
 * @param selected How many of the likeliest tokens the graph can return instead of all logits; 0 where it cannot.
 */
export function nextChunk(
  unread: number,
  fitting: number,
  selected: number,
): { readonly tokens: number; readonly isLast: boolean } {
  const tokens = Math.min(most.tokens, fitting)
  const isLast = unread <= (selected > 0 ? tokens : Math.min(tokens, most.withLogits))
  return { tokens: isLast ? unread : Math.min(unread - 1, tokens), isLast }
}
