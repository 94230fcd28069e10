import type { Clock } from '../../../models/async/clock.ts'
import type { GeneratorLoad } from '../../protocol/generation.ts'
import type { SequenceEvent, StepsReply } from '../../protocol/lane.ts'

/** Steps that a lane decodes ahead of who asks for them: a page that sleeps fills no memory. */
const stepsAhead = 16

/** An answer comes within this, though it be empty: so a lane that decodes is told from one that hangs. */
const timeoutMs = 1_000

/** What sequences made, until it is asked for: all of a step's goes in one message. */
export class EventBuffer {
  readonly #clock: Clock
  readonly #load: () => GeneratorLoad
  #events = new Map<number, SequenceEvent>()
  #steps = 0
  #deliver: (() => void) | undefined
  #makeRoom: (() => void) | undefined

  constructor(clock: Clock, load: () => GeneratorLoad) {
    this.#clock = clock
    this.#load = load
  }

  /** Adds to what is told of a sequence with the next message. */
  add(event: SequenceEvent): void {
    const before = this.#events.get(event.id)
    this.#events.set(
      event.id,
      before ? { ...before, ...event, tokens: [...before.tokens, ...event.tokens] } : event,
    )
  }

  /** A step is done. @returns when the next may be made. */
  async stepped(): Promise<void> {
    this.#steps++
    this.flush()
    if (this.#steps < stepsAhead) return
    await new Promise<void>((resolve) => {
      this.#makeRoom = resolve
    })
  }

  /** Tells what there is to who waits for it. */
  flush(): void {
    if (this.#events.size > 0) this.#deliver?.()
  }

  /** What came since the last time; waits a while for some where there is none. */
  async take(): Promise<StepsReply> {
    // Who asks again has given up the last time.
    this.#deliver?.()
    if (this.#events.size === 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(timeoutMs, resolve)
        this.#deliver = () => {
          cancel()
          resolve()
        }
      })
      this.#deliver = undefined
    }
    const events = [...this.#events.values()]
    this.#events = new Map()
    this.#steps = 0
    this.#makeRoom?.()
    this.#makeRoom = undefined
    return { events, load: this.#load() }
  }
}
