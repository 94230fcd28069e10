import type { Clock } from '../../models/async/clock.ts'
import { type Candidate, candidateKey } from './candidate.ts'

/** Failed runs after which the inputs are no longer suspected. */
const tolerated = 2

/** Milliseconds for which a candidate is then avoided: doubled with each further failure. */
const avoidMs = 30_000
const longestAvoidMs = 600_000

interface Count {
  readonly failures: number
  readonly countedAt: number
}

/**
 * Runs that failed on a candidate of the device while another place answered the same inputs. A few of them, with no
 * success between, show that the candidate is at fault.
 */
export class FailedRuns {
  readonly #clock: Clock
  readonly #counts = new Map<string, Count>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * @param askedAt When the request came. Requests that came before the last failure was counted failed with it.
   * @returns Milliseconds for which the candidate is to be avoided; zero while the inputs may be at fault.
   */
  failed(model: string, candidate: Candidate, askedAt: number): number {
    const key = keyOf(model, candidate)
    const last = this.#counts.get(key)
    if (last && askedAt <= last.countedAt) return 0
    const failures = (last?.failures ?? 0) + 1
    this.#counts.set(key, { failures, countedAt: this.#clock.now() })
    return failures <= tolerated ? 0 : Math.min(avoidMs * 2 ** (failures - tolerated - 1), longestAvoidMs)
  }

  /** Called for every run on the device: usually no run has failed. */
  succeeded(model: string, candidate: Candidate): void {
    if (this.#counts.size > 0) this.#counts.delete(keyOf(model, candidate))
  }
}

const keyOf = (model: string, candidate: Candidate) => `${model}/${candidateKey(candidate)}`
