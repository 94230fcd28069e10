type PostTask = (task: () => void) => unknown

/** Tasks of the page's thread, between which the page answers its visitor. */
function postTask(task: () => void): void {
  if ('scheduler' in globalThis) {
    void scheduler.postTask(task)
    return
  }
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    task()
  }
  port2.postMessage(undefined)
}

/**
 * Turns on the page's thread. Calls at the same time would tokenize, and later pool, in one long task: here the first
 * goes on at once, and each other in a task of its own.
 */
export class TaskTurns {
  readonly #postTask: PostTask
  readonly #waiting: (() => void)[] = []
  #isTaken = false

  constructor(post: PostTask = postTask) {
    this.#postTask = post
  }

  /** Resolves in the order of the calls. */
  next(): Promise<void> {
    if (this.#isTaken) return new Promise((resolve) => this.#waiting.push(resolve))
    this.#take()
    return Promise.resolve()
  }

  #take(): void {
    this.#isTaken = true
    this.#postTask(() => {
      this.#isTaken = false
      const next = this.#waiting.shift()
      if (!next) return
      this.#take()
      next()
    })
  }
}
