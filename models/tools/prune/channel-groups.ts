/**
 * Groups of channels that can only be removed together. Each channel that a layer makes starts as a group; groups are
 * joined where channels are added. A pinned group cannot be removed.
 */
export interface ChannelGroups {
  /** Makes `count` new groups. */
  make(count: number): readonly number[]
  join(a: number, b: number): void
  pin(groups: Iterable<number>, reason: string): void
  /** The representative of a group and all that were joined with it. */
  root(group: number): number
  /** Why a group cannot be removed; undefined where it can. */
  pinned(group: number): string | undefined
}

export function createChannelGroups(): ChannelGroups {
  const parents: number[] = []
  const pins = new Map<number, string>()
  const root = (group: number): number => {
    let at = group
    while (parents[at] !== at) {
      // Path halving, for faster later look-ups.
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
