import type { Clock } from '../../../models/async/clock.ts'
import type { SpillwayError } from '../../../models/core/index.ts'
import type { ChoiceRow, Chooser, Chosen, DeviceLogits, Logits } from '../sampling/types.ts'
import type { Sequence } from './sequence.ts'
import type { StepKind } from './step-costs.ts'
import { StepsInFlight } from './steps-in-flight.ts'

export interface ChoosingOptions {
  readonly chooser: Chooser
  readonly clock: Clock
  /** A sequence's format ends it. @param error Where it cannot be followed. */
  readonly onEnd: (sequence: Sequence, error?: SpillwayError) => void
}

/** The choice of sequences' tokens: what waits for a format, and what is in flight. */
export class Choosing {
  readonly #options: ChoosingOptions
  readonly #flight: StepsInFlight
  /** Ends the wait for what formats allow. */
  #wake: () => void = () => {}

  constructor(options: ChoosingOptions) {
    this.#options = options
    this.#flight = new StepsInFlight(options.clock)
  }

  /** Steps whose tokens have not been taken. */
  get inFlight(): number {
    return this.#flight.count
  }

  /** What the steps in flight do. */
  get kind(): StepKind {
    return { rows: this.#flight.sequences.length, tokens: 1, read: 0 }
  }

  /** Starts to choose tokens. Logits whose sequences' formats are not ready wait for them. */
  async start(
    sequences: readonly Sequence[],
    logits: readonly (Logits | DeviceLogits | undefined)[],
  ): Promise<void> {
    const { chooser, onEnd } = this.#options
    const ready: Sequence[] = []
    const rows: ChoiceRow[] = []
    for (const [row, sequence] of sequences.entries()) {
      const own = logits[row]
      if (!own || sequence.isCancelled) continue
      if (!sequence.canChoose) {
        // The runtime may write over its output at the next run.
        sequence.heldLogits = await chooser.keep(own)
      } else if (sequence.isAtEnd || sequence.format?.error) onEnd(sequence, sequence.format?.error)
      else {
        ready.push(sequence)
        rows.push(sequence.choiceFrom(own, this.#flight.count))
      }
    }
    if (rows.length === 0) return
    const isWhole = rows.length === sequences.length
    this.#flight.add({ sequences: ready, tokens: chooser.choose(rows), isWhole })
  }

  /** Starts to choose for sequences whose logits came before it was known what their formats allow. */
  async startHeld(running: readonly Sequence[]): Promise<void> {
    const held = running.filter(({ heldLogits, canChoose }) => heldLogits && canChoose)
    const logits = held.map(({ heldLogits }) => heldLogits)
    for (const sequence of held) sequence.heldLogits = undefined
    await this.start(held, logits)
  }

  /** The tokens of the oldest step in flight, if there is one. */
  take(): Promise<readonly (readonly [Sequence, Chosen])[]> {
    return this.#flight.next()
  }

  /** Forgets what is in flight. */
  clear(): void {
    this.#flight.clear()
  }

  /**
   * The sequences whose next step may be started before the tokens of the last one are known: all of the steps in
   * flight, or none.
   */
  goingAhead(running: readonly Sequence[]): readonly Sequence[] {
    const { count, hasRoom, sequences } = this.#flight
    if (count === 0 || !hasRoom || !this.#options.chooser.device) return []
    const isSame = sequences.length === running.length
    const all = isSame && sequences.every((one) => running.includes(one) && one.canGoAhead(count))
    return all ? sequences : []
  }

  /** Resolves when one of the sequences whose logits wait for its format can go on, or something else has come. */
  heldSettled(running: readonly Sequence[]): Promise<void> {
    return this.formatsSettled(running.filter(({ heldLogits }) => heldLogits))
  }

  /** Resolves when a format of these sequences is known further, or something else has come. */
  async formatsSettled(sequences: readonly Sequence[]): Promise<void> {
    const settled = sequences.flatMap(({ format }) => (format ? format.settled : []))
    if (settled.length === 0) return
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    await Promise.race([...settled, woken])
  }

  wake(): void {
    this.#wake()
  }
}
