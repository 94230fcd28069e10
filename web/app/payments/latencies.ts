/** Buckets a factor of ten, from 0.1 ms up. */
const perDecade = 20
const buckets = perDecade * 6
const slots = 8

/** Latencies of the last two seconds, in buckets: their percentiles cost the same however many they are. */
export class Latencies {
  readonly #counts = Array.from({ length: slots }, () => new Uint32Array(buckets))
  #slot = 0

  add(ms: number): void {
    const bucket = Math.floor((Math.log10(Math.max(ms, 0.1)) + 1) * perDecade)
    const counts = this.#counts[this.#slot]
    const at = Math.min(buckets - 1, bucket)
    if (counts) counts[at] = (counts[at] ?? 0) + 1
  }

  /** Called every quarter of a second: what is two seconds old is left out. */
  turn(): void {
    this.#slot = (this.#slot + 1) % slots
    this.#counts[this.#slot]?.fill(0)
  }

  /** The latency that so large a share of all does not exceed, to a twentieth of a factor of ten; undefined without any. */
  percentile(share: number): number | undefined {
    const total = this.#counts.reduce((sum, counts) => counts.reduce((all, count) => all + count, sum), 0)
    if (total === 0) return undefined
    let left = total * share
    for (let bucket = 0; bucket < buckets; bucket++) {
      for (const counts of this.#counts) left -= counts[bucket] ?? 0
      if (left <= 0) return 10 ** ((bucket + 1) / perDecade - 1)
    }
    return undefined
  }
}
