/** The answers that count, the last of them. */
const kept = 128

/** Fewer say nothing of the slowest. */
const least = 20

/** How long answers took lately, in milliseconds. */
export class Latency {
  readonly #answers: number[] = []
  #next = 0

  add(ms: number): void {
    this.#answers[this.#next] = ms
    this.#next = (this.#next + 1) % kept
  }

  /** What nineteen of twenty stay below; nothing while too few are known. */
  get p95(): number | undefined {
    if (this.#answers.length < least) return undefined
    const sorted = [...this.#answers].sort((one, other) => one - other)
    return sorted[Math.floor(sorted.length * 0.95)]
  }
}
