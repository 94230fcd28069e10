import type { Clock } from '../../../models/async/clock.ts'
import type { GeneratorLoad } from '../../protocol/generation.ts'
import type { EventsReply, SequenceEvent } from '../../protocol/lane.ts'

/** Steps that a lane decodes ahead of its reader: a page that sleeps fills no memory. */
const maxStepsAhead = 16

/** A reply comes within this time, even an empty one. So the host can tell a lane that decodes from one that hangs. */
const timeoutMs = 1_000

/** Events of sequences until the host takes them. All events of a step go in one message. */
export class EventBuffer {
  readonly #clock: Clock
  readonly #load: () => GeneratorLoad
  #events = new Map<number, SequenceEvent>()
  #stepsAhead = 0
  #deliver: (() => void) | undefined
  #resume: (() => void) | undefined

  constructor(clock: Clock, load: () => GeneratorLoad) {
    this.#clock = clock
    this.#load = load
  }

  /** Adds to the sequence's event in the next reply. */
  add(event: SequenceEvent): void {
    const before = this.#events.get(event.id)
    this.#events.set(
      event.id,
      before ? { ...before, ...event, tokens: [...before.tokens, ...event.tokens] } : event,
    )
  }

  /** Ends a step. Resolves when the next step may begin. */
  async stepped(): Promise<void> {
    this.#stepsAhead++
    this.flush()
    if (this.#stepsAhead < maxStepsAhead) return
    await new Promise<void>((resolve) => {
      this.#resume = resolve
    })
  }

  /** Delivers the events to a waiting reader, if there are both. */
  flush(): void {
    if (this.#events.size > 0) this.#deliver?.()
  }

  /** The events since the last call; waits up to a second for some where there are none. */
  async take(): Promise<EventsReply> {
    // A second call means that the first caller gave up.
    this.#deliver?.()
    if (this.#events.size === 0) {
      await new Promise<void>((resolve) => {
        const deliver = () => {
          cancel()
          // By now it may be another caller's.
          if (this.#deliver === deliver) this.#deliver = undefined
          resolve()
        }
        const cancel = this.#clock.after(timeoutMs, deliver)
        this.#deliver = deliver
      })
    }
    const events = [...this.#events.values()]
    this.#events = new Map()
    this.#stepsAhead = 0
    this.#resume?.()
    this.#resume = undefined
    return { events, load: this.#load() }
  }
}
