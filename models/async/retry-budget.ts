export interface RetryShare {
  /** Retries before the first request. */
  readonly initial: number
  /** Retries that each request earns. */
  readonly earned: number
  /** The most that are saved up, for failures that come all at once. */
  readonly most: number
}

/** Bounds retries to a share of the requests: in an outage, retries of everything would double what the others get. */
export class RetryBudget {
  readonly #share: RetryShare
  #retries: number

  constructor(share: RetryShare) {
    this.#share = share
    this.#retries = share.initial
  }

  /** A request was made. */
  earn(): void {
    const { earned, most } = this.#share
    this.#retries = Math.min(most, this.#retries + earned)
  }

  /** Whether one retry is allowed, which is then spent. */
  take(): boolean {
    if (this.#retries < 1) return false
    this.#retries--
    return true
  }
}
