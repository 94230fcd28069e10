/** Milliseconds of runs that one more lane could have shared, the last ten seconds counting most: a burst long past is no reason for a lane. */
export class UnmetDemand {
  #ms = 0
  #at = 0

  add(ms: number, now: number): void {
    this.#ms = this.at(now) + ms
    this.#at = now
  }

  at(now: number): number {
    return this.#ms * Math.exp((this.#at - now) / memoryMs)
  }

  reset(): void {
    this.#ms = 0
  }
}

const memoryMs = 10_000
