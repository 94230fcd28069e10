/** A session in a lane. */
export interface Resident {
  readonly session: string
  /** Bytes. */
  readonly memory: number
  readonly usedAt: number
  /** A session that is loaded or run now stays. */
  readonly isInUse: boolean
}

/**
 * The sessions to unload so that `needed` more bytes fit the budget: the least recently used first, but further copies
 * of a session before any last copy. Too few where the others are in use.
 */
export function selectEvictions<T extends Resident>(
  residents: readonly T[],
  needed: number,
  budget: number,
): T[] {
  let excess = residents.reduce((sum, { memory }) => sum + memory, needed) - budget
  const copies = new Map<string, number>()
  for (const { session } of residents) copies.set(session, (copies.get(session) ?? 0) + 1)
  const candidates = residents
    .filter(({ isInUse }) => !isInUse)
    .sort((one, other) => one.usedAt - other.usedAt)
  const evicted: T[] = []
  while (excess > 0 && candidates.length > 0) {
    const next = candidates.find(({ session }) => (copies.get(session) ?? 0) > 1) ?? candidates[0]
    if (!next) break
    candidates.splice(candidates.indexOf(next), 1)
    copies.set(next.session, (copies.get(next.session) ?? 0) - 1)
    evicted.push(next)
    excess -= next.memory
  }
  return evicted
}
