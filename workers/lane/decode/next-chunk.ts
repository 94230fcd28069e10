/** The most tokens of a prompt in one run, and where it returns the logits of each of them, which are long. */
const most = { tokens: 256, withLogits: 16 }

export interface ChunkBounds {
  /** How many tokens take no longer than others should wait. */
  readonly fitting: number
  /** How many of the likeliest tokens the graph can return instead of all logits; 0 where it cannot. */
  readonly selected: number
  /** Whether the graph is known to return the logits of each token. A last chunk of two shows it. */
  readonly isKnown: boolean
}

/**
 * The next chunk of a prompt. The last one returns logits, for the first new token. A last token by itself is none: the
 * next step of all takes it.
 *
 * @param unread Tokens of the prompt that are left.
 */
export function nextChunk(
  unread: number,
  { fitting, selected, isKnown }: ChunkBounds,
): { readonly tokens: number; readonly isLast: boolean } {
  const tokens = Math.min(most.tokens, fitting)
  const isLast = unread <= (selected > 0 ? tokens : Math.min(tokens, most.withLogits))
  return { tokens: isLast ? unread : Math.min(unread - (isKnown ? 1 : 2), tokens), isLast }
}
