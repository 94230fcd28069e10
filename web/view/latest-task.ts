/**
 * Runs one task at a time. Requests made while it runs cause one further run, however many they are: the task reads the
 * newest state when it starts.
 */
export class LatestTask {
  readonly #task: (signal: AbortSignal) => Promise<void>
  #running: AbortController | undefined
  #isRequested = false

  /** @param task Never rejects: it handles its own errors. */
  constructor(task: (signal: AbortSignal) => Promise<void>) {
    this.#task = task
  }

  request(): void {
    this.#isRequested = true
    if (!this.#running) void this.#work()
  }

  /** Aborts the running task and runs it again. */
  restart(): void {
    this.#running?.abort()
    this.request()
  }

  async #work(): Promise<void> {
    while (this.#isRequested) {
      this.#isRequested = false
      this.#running = new AbortController()
      await this.#task(this.#running.signal)
      this.#running = undefined
    }
  }
}
