/** Milliseconds over which a rate is measured. */
const spanMs = 2_000

/** How many a second, of late. */
export class Pace {
  #notes: { readonly at: number; readonly count: number }[] = []

  /**
   * @param at Milliseconds.
   * @param count All so far.
   * @returns How many a second in the last two seconds.
   */
  note(at: number, count: number): number {
    this.#notes.push({ at, count })
    while ((this.#notes[1]?.at ?? at) <= at - spanMs) this.#notes.shift()
    const [first = { at, count }] = this.#notes
    return at > first.at ? ((count - first.count) * 1_000) / (at - first.at) : 0
  }
}
