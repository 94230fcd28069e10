/** The most tokens of a prompt in one run, while which no other text goes on. */
export const mostRead = 256

/** The most where the run returns the logits of each of them, which are long. */
const mostWithLogits = 16

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
  const tokens = Math.min(mostRead, fitting)
  const isLast = unread <= (selected > 0 ? tokens : Math.min(tokens, mostWithLogits))
  return { tokens: isLast ? unread : Math.min(unread - (isKnown ? 1 : 2), tokens), isLast }
}
