import { CircuitState, ConsecutiveBreaker, circuitBreaker, DelegateBackoff, handleWhen } from 'cockatiel'
import { type ErrorCode, SpillwayError } from '../../models/core/index.ts'

/** Failures in a row after which the server is left alone. */
const failures = 2

/** Milliseconds for which it is, doubled each time that a trial fails. */
const restMs = 5_000
const longestRestMs = 60_000

/** What says that the server is not there, or is none. */
const down: ReadonlySet<ErrorCode> = new Set([
  'server_unreachable',
  'server_timeout',
  'server_response_invalid',
  'internal',
])

/** What says nothing, for a trial: nobody waited for the answer. */
const untold: ReadonlySet<ErrorCode> = new Set(['aborted', 'deadline_exceeded'])

/** The circuit to the server: after failures it rests, then one exchange tries whether it is back. */
export class Breaker {
  #circuit = this.#create()
  #trialAt = 0

  /** Whether requests should go there: it answers, or it is time for a trial that nobody makes yet. */
  get isClosed(): boolean {
    const { state } = this.#circuit
    return state === CircuitState.Closed || (state === CircuitState.Open && Date.now() >= this.#trialAt)
  }

  /** One exchange. With the circuit open it is one that can go nowhere else: it is made, and its success closes it. */
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
          (down.has(error.code) || (circuit.state === CircuitState.HalfOpen && untold.has(error.code))),
      ),
      {
        breaker: new ConsecutiveBreaker(failures),
        halfOpenAfter: new DelegateBackoff(({ attempt }) => {
          const rest = Math.min(restMs * 2 ** (attempt - 1), longestRestMs)
          this.#trialAt = Date.now() + rest
          return rest
        }),
      },
    )
    return circuit
  }
}
