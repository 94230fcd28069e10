import type { Clock } from '../../../models/async/clock.ts'
import type { Chosen } from '../sampling/types.ts'
import type { Sequence } from './sequence.ts'

/** A step whose tokens have not been read yet. */
export interface Step {
  readonly sequences: readonly Sequence[]
  readonly tokens: Promise<readonly Chosen[]>
  /** Whether it has a token for each row of its run: then the next run can take them. */
  readonly isWhole: boolean
}

/** Steps in flight at most. More would save nothing: reading takes no longer than a few steps. */
const mostSteps = 8

/** About how long a new sequence or a cancellation may wait for the steps in flight, in milliseconds. */
const mostMs = 50

/**
 * Steps that were started before the tokens of earlier ones were read. All have the same sequences. How many there may
 * be grows by one with each step that was read, so that at most half of the work is lost when a sequence ends, up to
 * eight, or fewer where steps take long.
 */
export class StepsInFlight {
  readonly #clock: Clock
  #steps: Step[] = []
  /** Read since the flight began. */
  #read = 0
  #lastReadAt: number | undefined
  /** Milliseconds of a step, while the next one is in flight already. */
  #stepMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get count(): number {
    return this.#steps.length
  }

  /** The sequences of the steps, in the order of their rows. */
  get sequences(): readonly Sequence[] {
    return this.#steps[0]?.sequences ?? []
  }

  /** Whether one more may be started. */
  get hasRoom(): boolean {
    if (!this.#steps.every(({ isWhole }) => isWhole)) return false
    const most = this.#stepMs > 0 ? Math.max(2, Math.floor(mostMs / this.#stepMs)) : mostSteps
    return this.count < Math.min(mostSteps, most, 2 + this.#read)
  }

  add(step: Step): void {
    // A step that fails is reported where it is read; the steps after it are not read.
    step.tokens.catch(() => {})
    this.#steps.push(step)
  }

  /** The oldest step's tokens. */
  async next(): Promise<readonly (readonly [Sequence, Chosen])[]> {
    const [step] = this.#steps
    if (!step) return []
    const chosen = await step.tokens
    this.#steps.shift()
    this.#measure()
    return step.sequences.flatMap((sequence, row) => {
      const token = chosen[row]
      return token ? [[sequence, token] as const] : []
    })
  }

  /** Forgets all steps. */
  clear(): void {
    this.#steps = []
    this.#measure()
  }

  #measure(): void {
    const now = this.#clock.now()
    if (this.#lastReadAt !== undefined) {
      const ms = now - this.#lastReadAt
      this.#stepMs = this.#stepMs === 0 ? ms : 0.8 * this.#stepMs + 0.2 * ms
    }
    const goesOn = this.#steps.length > 0
    this.#lastReadAt = goesOn ? now : undefined
    this.#read = goesOn ? this.#read + 1 : 0
  }
}
