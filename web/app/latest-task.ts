/**
 * One task at a time. What is asked for while it runs is done once after it, however often it was asked for:
 * the task looks at the newest state when it starts.
 */
export class LatestTask {
  readonly #task: (signal: AbortSignal) => Promise<void>
  #running: AbortController | undefined
  #asked = false

  /** @param task Settles in any case; it handles its own errors. */
  constructor(task: (signal: AbortSignal) => Promise<void>) {
    this.#task = task
  }

  request(): void {
    this.#asked = true
    if (!this.#running) void this.#work()
  }

  /** The same at once: the task that runs is aborted. */
  restart(): void {
    this.#running?.abort()
    this.request()
  }

  async #work(): Promise<void> {
    while (this.#asked) {
      this.#asked = false
      this.#running = new AbortController()
      await this.#task(this.#running.signal)
      this.#running = undefined
    }
  }
}
