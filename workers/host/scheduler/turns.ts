/** Callers that are remembered before those without a claim are forgotten. */
const leastSwept = 1_024

/** The place of one request among those of all callers. */
export interface Turn {
  readonly caller: string
  readonly start: number
  /** Where its first run ends: the turn that comes there first goes first. */
  readonly end: number
  readonly cost: number
  /** Shares of the lanes that the caller has. */
  readonly weight: number
}

interface Claim {
  /** Where the caller's next turn begins. */
  next: number
  /** Its requests that wait, and their costs. */
  waiting: number
  cost: number
  /** Of its first request that waits; another one counts once none waits. */
  weight: number
}

/**
 * Callers take turns, by what their requests cost (self-clocked fair queueing). The turn of a caller's request begins
 * where the turn of its request before ends; the turn whose run ends first goes first. So a caller with a thousand requests is
 * served as often as one with two, and a new caller waits for at most as much work of each other as its own request is.
 * A caller of weight 4 gets four times as much as one of weight 1.
 */
export class Turns {
  /** The turn that was reached: a new caller begins here. */
  #now = 0
  readonly #claims = new Map<string, Claim>()
  /** The weights of callers with requests that wait. */
  #active = 0
  /** The costs of all requests that wait. */
  #cost = 0
  #sweepAt = leastSwept

  /** Callers that are remembered. */
  get size(): number {
    return this.#claims.size
  }

  /**
   * @param cost What the request costs, in any unit that all requests share.
   * @param weight The caller's share, as a multiple of that of others; at least 1.
   * @param first What its first run costs, where it runs in parts.
   */
  take(caller: string, cost: number, weight = 1, first = cost): Turn {
    let claim = this.#claims.get(caller)
    if (!claim) {
      claim = { next: 0, waiting: 0, cost: 0, weight }
      this.#claims.set(caller, claim)
      if (this.#claims.size > this.#sweepAt) this.#sweep()
    }
    const start = Math.max(this.#now, claim.next)
    if (claim.waiting++ === 0) {
      claim.weight = weight
      this.#active += weight
    }
    claim.next = start + cost / claim.weight
    claim.cost += cost
    this.#cost += cost
    return { caller, start, end: start + first / claim.weight, cost, weight: claim.weight }
  }

  /**
   * Of a request that is cut: the first part's turn, and the turn of what is left.
   *
   * @param first What the first part costs, as far as is known by now, and the rest.
   */
  cut({ caller, start, cost, weight }: Turn, first: number, left: number): readonly [Turn, Turn] {
    const claim = this.#claims.get(caller)
    const more = first + left - cost
    this.#cost += more
    if (claim) {
      claim.waiting++
      claim.cost += more
      claim.next += more / weight
    }
    const next = start + first / weight
    return [
      { caller, start, end: next, cost: first, weight },
      { caller, start: next, end: next + Math.min(first, left) / weight, cost: left, weight },
    ]
  }

  /**
   * The share of the waiting work that would go before a new request, from 0 to 1. Until its turn ends, each other caller
   * gets at most as much, by its weight.
   */
  shareAhead(caller: string, cost: number, weight = 1): number {
    if (this.#cost <= 0) return 1
    const claim = this.#claims.get(caller)
    const isWaiting = claim !== undefined && claim.waiting > 0
    const own = isWaiting ? claim.weight : weight
    const others = this.#active - (isWaiting ? own : 0)
    const end = Math.max(this.#now, claim?.next ?? 0) + cost / own
    return Math.min(1, ((others + own) * (end - this.#now)) / (this.#cost + cost))
  }

  /** The share of the waiting work that is the caller's own, from 0 to 1. */
  ownShare(caller: string): number {
    const own = this.#claims.get(caller)?.cost ?? 0
    return this.#cost <= 0 ? 0 : Math.min(1, Math.max(0, own / this.#cost))
  }

  /** A request that waited left without having run. */
  giveBack({ caller, cost, weight }: Turn): void {
    const claim = this.#leave(caller, cost)
    if (claim) claim.next -= cost / weight
  }

  /** A request runs. What is served counts, too, so that ever new callers do not keep others from their second request. */
  reach({ caller, start, cost }: Turn): void {
    this.#now = Math.max(start, this.#now + cost / Math.max(1, this.#active))
    this.#leave(caller, cost)
  }

  /** Nothing waits: nobody has to be compared. */
  clear(): void {
    if (this.#claims.size === 0) return
    this.#claims.clear()
    this.#active = 0
    this.#cost = 0
  }

  #leave(caller: string, cost: number): Claim | undefined {
    const claim = this.#claims.get(caller)
    if (!claim) return undefined
    this.#cost -= cost
    claim.cost -= cost
    if (--claim.waiting === 0) this.#active -= claim.weight
    return claim
  }

  #sweep(): void {
    for (const [caller, { next, waiting }] of this.#claims)
      if (waiting === 0 && next <= this.#now) this.#claims.delete(caller)
    this.#sweepAt = Math.max(leastSwept, 2 * this.#claims.size)
  }
}
