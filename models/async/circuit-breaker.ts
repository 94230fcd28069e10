import { CircuitState, ConsecutiveBreaker, circuitBreaker, DelegateBackoff, handleWhen } from 'cockatiel'
import { type ErrorCode, SpillwayError } from '../core/index.ts'
import type { Clock } from './clock.ts'

/** Failures in a row that open the circuit. */
const maxFailures = 2

/** How long the circuit stays open; the least doubles after each failed probe. */
export interface OpenTimes {
  readonly leastMs: number
  readonly mostMs: number
}

/** Errors of a server that is down, or is no inference server. */
const outageCodes: ReadonlySet<ErrorCode> = new Set([
  'server_unreachable',
  'server_timeout',
  'server_response_invalid',
  'internal',
])

/** Inconclusive probe: the caller had left. */
const inconclusiveCodes: ReadonlySet<ErrorCode> = new Set(['aborted', 'deadline_exceeded'])

/** The circuit to the server. Failures open it; after a while one exchange probes whether the server is back. */
export class Breaker {
  readonly #clock: Clock
  readonly #openTimes: OpenTimes
  #circuit = this.#create()
  #probeAt = 0

  constructor(clock: Clock, openTimes: OpenTimes = { leastMs: 5_000, mostMs: 60_000 }) {
    this.#clock = clock
    this.#openTimes = openTimes
  }

  /** Whether failures have opened the circuit, and no success has closed it since. */
  get isOpen(): boolean {
    return this.#circuit.state !== CircuitState.Closed
  }

  /** Milliseconds until the next probe is due, while the circuit is open. */
  get probeInMs(): number {
    return Math.max(0, this.#probeAt - this.#clock.now())
  }

  /** Whether requests may go to the server: the circuit is closed, or a probe is due and nobody makes it yet. */
  get isClosed(): boolean {
    const { state } = this.#circuit
    return (
      state === CircuitState.Closed || (state === CircuitState.Open && this.#clock.now() >= this.#probeAt)
    )
  }

  /**
   * One exchange. With the circuit open it belongs to a request that can run nowhere else: it is made all the same, and
   * its success closes the circuit.
   */
  run<T>(exchange: () => Promise<T>): Promise<T> {
    if (this.isClosed) return this.#circuit.execute(exchange)
    return exchange().then((answer) => {
      this.#circuit = this.#create()
      return answer
    })
  }

  #create() {
    const circuit = circuitBreaker(
      handleWhen(
        (error) =>
          error instanceof SpillwayError &&
          (outageCodes.has(error.code) ||
            (circuit.state === CircuitState.HalfOpen && inconclusiveCodes.has(error.code))),
      ),
      {
        breaker: new ConsecutiveBreaker(maxFailures),
        halfOpenAfter: new DelegateBackoff(({ attempt }) => {
          const { leastMs, mostMs } = this.#openTimes
          this.#probeAt = this.#clock.now() + Math.min(leastMs * 2 ** (attempt - 1), mostMs)
          // cockatiel reads the system's clock. The injected clock decides when to probe, so cockatiel must not wait.
          return Number.NEGATIVE_INFINITY
        }),
      },
    )
    return circuit
  }
}
