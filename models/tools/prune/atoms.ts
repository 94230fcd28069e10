/**
 * Channels that stand or fall together. Every channel that a layer makes is an atom; where two are added they
 * become one, and where something needs a channel for what it is, it is pinned and stays.
 */
export interface Atoms {
  /** So many new ones. */
  make(count: number): readonly number[]
  join(a: number, b: number): void
  pin(atoms: Iterable<number>, because: string): void
  /** The one that stands for all that an atom was joined with. */
  root(atom: number): number
  /** Why an atom stays; nothing where it may go. */
  pinned(atom: number): string | undefined
}

export function createAtoms(): Atoms {
  const parents: number[] = []
  const pins = new Map<number, string>()
  const root = (atom: number): number => {
    let at = atom
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
      for (const atom of made) parents.push(atom)
      return made
    },
    join: (a, b) => {
      const [one, other] = [root(a), root(b)]
      if (one === other) return
      parents[other] = one
      const why = pins.get(other)
      if (why !== undefined && !pins.has(one)) pins.set(one, why)
    },
    pin: (atoms, because) => {
      for (const atom of atoms) if (!pins.has(root(atom))) pins.set(root(atom), because)
    },
    root,
    pinned: (atom) => pins.get(root(atom)),
  }
}
