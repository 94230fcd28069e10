/** The stories that got a token in one step of the model, by their numbers. */
export type Step = ReadonlySet<number>

/**
 * Which stories shared a step. A lane tells a step in one message, so what comes in one task of the page came of one
 * step; where the page was late and several came at once, the n-th tokens belong together.
 */
export class Steps {
  readonly #kept: Set<number>[] = []
  readonly #most: number
  readonly #onStep: () => void
  /** By story: its tokens in this task. */
  readonly #inTask = new Map<number, number>()
  /** Where this task's steps begin among those kept. */
  #first = 0
  #steps = 0
  #tokens = 0

  /** @param most Steps that are kept. */
  constructor(most: number, onStep: () => void) {
    this.#most = most
    this.#onStep = onStep
  }

  get recent(): readonly Step[] {
    return this.#kept
  }

  /** Mean stories a step since the last `clear`; nothing before the first. */
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
    // A message, and not a timer: those are held back to milliseconds, and a step may be shorter.
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      this.#inTask.clear()
      this.#kept.splice(0, this.#kept.length - this.#most)
      this.#onStep()
    }
    port2.postMessage(undefined)
  }
}
