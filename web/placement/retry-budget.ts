/** Retries that requests earn: of ten requests one may be asked twice, so that a server in trouble is not asked for more. */
const share = 0.1

/** What may be saved up, for trouble that comes in one piece. */
const most = 10

/** What there is before the first request. */
const atFirst = 1

export class RetryBudget {
  #retries = atFirst

  /** One more request was made. */
  earn(): void {
    this.#retries = Math.min(most, this.#retries + share)
  }

  /** Takes one retry, where there is one. */
  take(): boolean {
    if (this.#retries < 1) return false
    this.#retries--
    return true
  }
}
