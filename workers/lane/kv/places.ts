/** Two slots that change places. */
export type Swap = readonly [slot: number, other: number]

/** Which place in the blocks each slot has. */
export class Places {
  readonly #placeOf: number[]

  constructor(slots: number) {
    this.#placeOf = Array.from({ length: slots }, (_, slot) => slot)
  }

  of(slot: number): number {
    return this.#placeOf[slot] ?? slot
  }

  swap(slot: number, other: number): void {
    const place = this.of(slot)
    this.#placeOf[slot] = this.of(other)
    this.#placeOf[other] = place
  }

  /**
   * The fewest swaps after which the slots lie side by side.
   *
   * @param anywhere Whether they may begin at any place, not at the first only.
   * @returns The place of the first of them then, and the swaps.
   */
  gather(slots: readonly number[], anywhere: boolean): { readonly first: number; readonly swaps: Swap[] } {
    const wanted = new Set(slots)
    const starts = anywhere ? this.#placeOf.length - slots.length + 1 : 1
    let best: { first: number; swaps: Swap[] } | undefined
    for (let first = 0; first < starts; first++) {
      const isInside = (slot: number) => this.of(slot) >= first && this.of(slot) < first + slots.length
      const others = [...this.#placeOf.keys()].filter((slot) => isInside(slot) && !wanted.has(slot))
      const outside = slots.filter((slot) => !isInside(slot))
      const swaps = outside.map((slot, index): Swap => [slot, others[index] ?? slot])
      if (!best || swaps.length < best.swaps.length) best = { first, swaps }
      if (swaps.length === 0) break
    }
    return best ?? { first: 0, swaps: [] }
  }
}
