import type { Placement } from '../../../models/core/index.ts'

/** Each bucket's bound is so many times the last one's: percentiles are exact to 2%. */
const growth = 1.02
const leastMs = 0.01
const buckets = 1_024

/** Latencies, by buckets: millions take as much memory as one. */
export class Histogram {
  readonly #counts = new Uint32Array(buckets)
  #size = 0
  #sum = 0

  get size(): number {
    return this.#size
  }

  get mean(): number {
    return this.#sum / this.#size
  }

  add(ms: number): void {
    const bucket = Math.floor(Math.log(Math.max(leastMs, ms) / leastMs) / Math.log(growth))
    const at = Math.min(buckets - 1, bucket)
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#size++
    this.#sum += ms
  }

  /** NaN where there is none. */
  percentile(share: number): number {
    let left = Math.max(1, share * this.#size)
    for (let at = 0; at < buckets; at++) {
      left -= this.#counts[at] ?? 0
      if (left <= 0) return leastMs * growth ** (at + 0.5)
    }
    return Number.NaN
  }
}

/** What became of the requests of one kind, or of one span of time. */
export class Tally {
  asked = 0
  device = 0
  server = 0
  /** Asked a server that was full, or could not be answered in time or at all. */
  refused = 0
  /** The visitor lost patience. */
  left = 0
  /** Milliseconds to the answer, or to a text's first token. */
  readonly latency = new Histogram()
  readonly reasons = new Map<string, number>()
  readonly errors = new Map<string, number>()

  get settled(): number {
    return this.device + this.server + this.refused + this.left
  }

  /** Of the answers. */
  get deviceShare(): number {
    return this.device / (this.device + this.server)
  }

  get refusedShare(): number {
    return this.refused / this.asked
  }

  answered({ tier, reason }: Pick<Placement, 'tier' | 'reason'>, ms: number): void {
    this[tier]++
    this.latency.add(ms)
    count(this.reasons, reason)
  }

  failed(code: string): void {
    if (code === 'aborted') this.left++
    else this.refused++
    count(this.errors, code)
  }
}

const count = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1)
