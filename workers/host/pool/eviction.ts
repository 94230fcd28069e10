/** A session in a lane. */
export interface Resident {
  readonly session: string
  /** Bytes. */
  readonly memory: number
  readonly usedAt: number
  /** It is being loaded, or run: it stays. */
  readonly isInUse: boolean
}

/**
 * Which sessions have to go so that `needed` bytes more fit the budget: the least recently used first, but further
 * copies before the last one of a session. Fewer than needed where the others are in use.
 */
export function selectEvictions<T extends Resident>(
  tenants: readonly T[],
  needed: number,
  budget: number,
): T[] {
  let over = tenants.reduce((sum, { memory }) => sum + memory, needed) - budget
  const copies = new Map<string, number>()
  for (const { session } of tenants) copies.set(session, (copies.get(session) ?? 0) + 1)
  const left = tenants.filter(({ isInUse }) => !isInUse).sort((one, other) => one.usedAt - other.usedAt)
  const gone: T[] = []
  while (over > 0 && left.length > 0) {
    const next = left.find(({ session }) => (copies.get(session) ?? 0) > 1) ?? left[0]
    if (!next) break
    left.splice(left.indexOf(next), 1)
    copies.set(next.session, (copies.get(next.session) ?? 0) - 1)
    gone.push(next)
    over -= next.memory
  }
  return gone
}
