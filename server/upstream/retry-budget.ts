/** Retries without requests before them. */
const few = 10

/** Retries for each request. */
const share = 0.2

/** The most retries in a row, after a long time without any. */
const most = 100

/** Bounds retries to a share of the requests: in an outage, retries of everything would double what the others get. */
export class RetryBudget {
  #left = few

  /** A request adds to the budget. */
  add(): void {
    this.#left = Math.min(most, this.#left + share)
  }

  /** Whether a retry may be made; it is then counted. */
  take(): boolean {
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
