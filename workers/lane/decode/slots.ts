/** A place for one sequence, and the tokens whose keys and values are in it. */
export interface Slot<Owner> {
  owner: Owner | undefined
  /** What the last owner left; while there is one, nothing. */
  kept: readonly number[]
  usedAt: number
}

/** Fewer tokens in common are not worth another's. */
const leastShared = 16

/**
 * The free slot for a prompt: the one whose tokens it begins with, the more the better; else an empty one, else the
 * one that was left longest ago.
 */
export function chooseSlot<Owner>(
  slots: readonly Slot<Owner>[],
  prompt: readonly number[],
): { readonly slot: number; readonly shared: number } | undefined {
  let best: { slot: number; shared: number; usedAt: number; empty: boolean } | undefined
  for (const [slot, { owner, kept, usedAt }] of slots.entries()) {
    if (owner !== undefined) continue
    const common = sharedLength(kept, prompt)
    const shared = common >= leastShared || common === kept.length ? common : 0
    const one = { slot, shared, usedAt, empty: kept.length === 0 }
    if (!best || isBetter(one, best)) best = one
  }
  return best
}

function isBetter(
  one: { shared: number; usedAt: number; empty: boolean },
  other: { shared: number; usedAt: number; empty: boolean },
): boolean {
  if (one.shared !== other.shared) return one.shared > other.shared
  if (one.empty !== other.empty) return one.empty
  return one.usedAt < other.usedAt
}

/** Tokens that both begin with; of the prompt, the last is never among them: it has to be given to tell the next. */
export function sharedLength(kept: readonly number[], prompt: readonly number[]): number {
  const most = Math.min(kept.length, prompt.length - 1)
  let length = 0
  while (length < most && kept[length] === prompt[length]) length++
  return length
}
