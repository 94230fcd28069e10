/** The numbers of the stories that got a token in one decode step. */
export type Step = ReadonlySet<number>

/**
 * Records which stories shared a decode step. A lane reports a step in one message, so the tokens that arrive in one task
 * of the page come from one step. Where several steps arrive at once, the n-th tokens of the stories belong together.
 */
export class Steps {
  readonly #kept: Set<number>[] = []
  readonly #maxKept: number
  readonly #onStep: () => void
  /** The number of tokens of each story in this task. */
  readonly #inTask = new Map<number, number>()
  /** The index in `#kept` at which this task's steps begin. */
  #first = 0
  #steps = 0
  #tokens = 0

  /** @param maxKept The number of steps to keep. */
  constructor(maxKept: number, onStep: () => void) {
    this.#maxKept = maxKept
    this.#onStep = onStep
  }

  get recent(): readonly Step[] {
    return this.#kept
  }

  /** Mean number of stories a step since the last `clear`; undefined before the first step. */
  get shared(): number | undefined {
    return this.#steps === 0 ? undefined : this.#tokens / this.#steps
  }

  add(story: number, tokens: number): void {
    if (this.#inTask.size === 0) this.#openTask()
    const before = this.#inTask.get(story) ?? 0
    this.#inTask.set(story, before + tokens)
    for (let token = before; token < before + tokens; token++) {
      let step = this.#kept[this.#first + token]
      if (!step) {
        step = new Set()
        this.#kept.push(step)
        this.#steps++
      }
      step.add(story)
      this.#tokens++
    }
  }

  clear(): void {
    this.#kept.length = 0
    this.#first = 0
    this.#steps = 0
    this.#tokens = 0
    this.#inTask.clear()
  }

  #openTask(): void {
    this.#first = this.#kept.length
    // A message and not a timer: browsers delay timers by milliseconds, and a step may be shorter.
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      this.#inTask.clear()
      this.#kept.splice(0, this.#kept.length - this.#maxKept)
      this.#onStep()
    }
    port2.postMessage(undefined)
  }
}
