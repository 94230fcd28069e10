import type { RunResult, Tier } from '../../../models/core/index.ts'
import { featureCount, type PaymentFacts, writeFeatures } from './features.ts'
import { Latencies } from './latencies.ts'
import { simulatePayment } from './simulate.ts'

/** Payments with a higher probability of fraud are held. */
export const heldAbove = 0.5

/** The most payments without an answer: with more, each would only wait longer. */
const mostOpen = 4_096

/** The longest time, in milliseconds, whose payments are sent at once: after a pause none are made up for. */
const longestTickMs = 50

/** A payment that was held, and how it was scored. */
export interface HeldPayment {
  readonly facts: PaymentFacts
  readonly probability: number
  readonly ms: number
  readonly tier: Tier
}

export interface StreamOptions {
  /** Scores one payment. */
  readonly run: (features: Float32Array) => Promise<RunResult>
  readonly onHeld: (payment: HeldPayment) => void
  /** Called for every payment that got no answer. */
  readonly onLost: (cause: unknown) => void
  /** Milliseconds, on any clock. */
  readonly now: () => number
  /** From 0 to 1, as `Math.random`. */
  readonly random: () => number
}

/** Simulated payments, so many a second, each scored by a call of its own. */
export class PaymentStream {
  readonly #options: StreamOptions
  readonly latencies = new Latencies()
  /** Payments a second. */
  rate = 0
  scored = 0
  onDevice = 0
  lost = 0
  /** Payments without an answer. */
  open = 0
  #owed = 0
  #tickedAt: number

  constructor(options: StreamOptions) {
    this.#options = options
    this.#tickedAt = options.now()
  }

  /** Sends the payments of the time since the last call. */
  tick(): void {
    const now = this.#options.now()
    this.#owed += (this.rate * Math.min(longestTickMs, now - this.#tickedAt)) / 1_000
    this.#tickedAt = now
    const count = Math.min(Math.floor(this.#owed), mostOpen - this.open)
    this.#owed = Math.min(1, this.#owed - count)
    const block = new Float32Array(count * featureCount)
    for (let index = 0; index < count; index++)
      this.#send(block.subarray(index * featureCount, (index + 1) * featureCount))
  }

  #send(features: Float32Array): void {
    const { run, onHeld, onLost, now, random } = this.#options
    const facts = simulatePayment(random)
    writeFeatures(features, facts)
    const askedAt = now()
    this.open++
    run(features).then(
      ({ outputs, placement: { tier } }) => {
        const ms = now() - askedAt
        this.open--
        this.scored++
        if (tier === 'device') this.onDevice++
        this.latencies.add(ms)
        const probability = Number(outputs.probability?.data[0])
        if (probability > heldAbove) onHeld({ facts, probability, ms, tier })
      },
      (cause: unknown) => {
        this.open--
        this.lost++
        onLost(cause)
      },
    )
  }
}
