/** Callers that are remembered before those without a claim are forgotten. */
const leastSwept = 1_024

/**
 * Callers take turns, by what their requests cost (start-time fair queueing). The turn of a caller's request begins
 * where the turn of its request before ends; the lowest turn goes first. So a caller with a thousand requests is served
 * as often as one with two, and who comes anew waits for one request of each other at most.
 */
export class Turns {
  /** The turn that was reached: a new caller begins here. */
  #now = 0
  /** Where the next turn of each caller begins. */
  readonly #next = new Map<string, number>()
  #sweepAt = leastSwept

  /** @param cost What the request costs, in any unit that all requests share. */
  take(caller: string, cost: number): number {
    const turn = Math.max(this.#now, this.#next.get(caller) ?? 0)
    this.#next.set(caller, turn + cost)
    if (this.#next.size > this.#sweepAt) this.#sweep()
    return turn
  }

  /** A request that waited left without having run. */
  giveBack(caller: string, cost: number): void {
    const next = this.#next.get(caller)
    if (next !== undefined) this.#next.set(caller, next - cost)
  }

  /** A request of this turn runs. */
  reach(turn: number): void {
    if (turn > this.#now) this.#now = turn
  }

  /** Nothing waits: nobody has to be compared. */
  clear(): void {
    if (this.#next.size > 0) this.#next.clear()
  }

  #sweep(): void {
    for (const [caller, next] of this.#next) if (next <= this.#now) this.#next.delete(caller)
    this.#sweepAt = Math.max(leastSwept, 2 * this.#next.size)
  }
}
