/** The other backend has to answer within this share of the time that the current one needs, so that requests do not flap. */
const switchShare = 0.8

/** Requests before a backend whose cost is not known is asked: doubled after each probe. */
const firstUnknownAfter = 8

/** The same of a backend that is known, and slower: costs change. */
const firstKnownAfter = 512

const longestProbeAfter = 8_192

/** The longest run that a probe of a known backend may be, in milliseconds. */
const longestProbeMs = 100

/** Milliseconds to the deadline of a request that may ask a backend of unknown cost: only small models are tried there. */
const leastForUnknownMs = 100

/** Which of its two loaded backends takes a model's next request. Numbers only: each request asks. */
export class BackendBalance {
  #isSecond = false
  #asked = 0
  #unknownAfter = firstUnknownAfter
  #knownAfter = firstKnownAfter

  /**
   * Whether the second backend takes the request.
   *
   * @param firstMs Milliseconds in which the first backend would answer; undefined while its costs are not known.
   * @param secondMs The same of the second.
   * @param deadlineMs Milliseconds to the request's deadline.
   */
  takesSecond(
    firstMs: number | undefined,
    secondMs: number | undefined,
    deadlineMs = Number.POSITIVE_INFINITY,
  ): boolean {
    const currentMs = this.#isSecond ? secondMs : firstMs
    const otherMs = this.#isSecond ? firstMs : secondMs
    if (otherMs !== undefined && currentMs !== undefined && otherMs < currentMs * switchShare) {
      this.#isSecond = !this.#isSecond
      this.#asked = 0
      return this.#isSecond
    }
    return this.#isProbe(otherMs, deadlineMs) ? !this.#isSecond : this.#isSecond
  }

  /** Whether this request asks the backend that is not the current one. */
  #isProbe(otherMs: number | undefined, deadlineMs: number): boolean {
    this.#asked++
    if (otherMs === undefined) {
      if (this.#asked < this.#unknownAfter || deadlineMs < leastForUnknownMs) return false
      this.#unknownAfter = Math.min(longestProbeAfter, this.#unknownAfter * 2)
    } else {
      this.#unknownAfter = firstUnknownAfter
      if (this.#asked < this.#knownAfter || otherMs > Math.min(longestProbeMs, deadlineMs / 2)) return false
      this.#knownAfter = Math.min(longestProbeAfter, this.#knownAfter * 2)
    }
    this.#asked = 0
    return true
  }
}
