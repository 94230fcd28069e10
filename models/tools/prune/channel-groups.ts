/**
 * Channels that stand or fall together. Every channel that a layer makes is an atom; where two are added they
 * become one, and where something needs a channel for what it is, it is pinned and stays.
 */
export interface ChannelGroups {
  /** So many new ones. */
  make(count: number): readonly number[]
  join(a: number, b: number): void
  pin(groups: Iterable<number>, reason: string): void
  /** The one that stands for all that an atom was joined with. */
  root(group: number): number
  /** Why an atom stays; nothing where it may go. */
  pinned(group: number): string | undefined
}

export function createChannelGroups(): ChannelGroups {
  const parents: number[] = []
  const pins = new Map<number, string>()
  const root = (group: number): number => {
    let at = group
    while (parents[at] !== at) {
      // Halves the way for the next that asks.
      parents[at] = parents[parents[at] ?? at] ?? at
      at = parents[at] ?? at
    }
    return at
  }
  return {
    make: (count) => {
      const first = parents.length
      const made = Array.from({ length: count }, (_, index) => first + index)
      for (const group of made) parents.push(group)
      return made
    },
    join: (a, b) => {
      const [one, other] = [root(a), root(b)]
      if (one === other) return
      parents[other] = one
      const why = pins.get(other)
      if (why !== undefined && !pins.has(one)) pins.set(one, why)
    },
    pin: (groups, reason) => {
      for (const group of groups) if (!pins.has(root(group))) pins.set(root(group), reason)
    },
    root,
    pinned: (group) => pins.get(root(group)),
  }
}
