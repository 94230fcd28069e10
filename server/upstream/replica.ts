import { Breaker } from '../../models/async/circuit-breaker.ts'
import type { Clock } from '../../models/async/clock.ts'
import { withTimeout } from '../../models/async/timeouts.ts'
import { messageOf, SpillwayError } from '../../models/core/index.ts'
import { closed } from '../../workers/host/scheduler/errors.ts'
import { Call, type Deadline, type ReplicaCall } from './call.ts'
import { isFault, isRefusal } from './errors.ts'
import { PeakLatency } from './peak-latency.ts'

/** Asks a replica whether it is ready. @throws SpillwayError Where it is not. */
export type Probe = (url: URL, signal: AbortSignal) => Promise<void>

/** How calls of a replica ended: `failed` by the replica, `refused` by it for now, `rejected` as the request's fault. */
export const callOutcomes = ['answered', 'failed', 'refused', 'rejected', 'canceled'] as const
export type CallOutcome = (typeof callOutcomes)[number]

/** Milliseconds without a sign of life after which a replica with calls in flight is asked whether it is ready. */
const silenceMs = 3_000

const probeMs = 2_000

/**
 * How long a replica that fails is left alone. The first probe comes soon: behind one address there may be many servers,
 * of which one has gone with all of its connections.
 */
const openTimes = { leastMs: 100, mostMs: 30_000 }

/** One address of an upstream: its calls in flight, its latency, and whether it can be called at all. */
export class Replica {
  readonly url: URL
  readonly name: string
  readonly outcomes: Record<CallOutcome, number> = {
    answered: 0,
    failed: 0,
    refused: 0,
    rejected: 0,
    canceled: 0,
  }
  readonly #clock: Clock
  readonly #probe: Probe
  readonly #onChange: (replica: Replica) => void
  readonly #breaker: Breaker
  readonly #latency = new PeakLatency()
  readonly #calls = new Set<Call>()
  #heardAt = 0
  #isWatched = false
  #isProbing = false
  #restsUntil = 0
  #isClosed = false
  /** As it was reported last. */
  #wasOut = false
  #failure = ''

  /** @param onChange Told when it goes out and when it is in again. */
  constructor(url: URL, clock: Clock, probe: Probe, onChange: (replica: Replica) => void) {
    this.url = url
    this.name = `${url.host}${url.pathname.replace(/\/$/, '')}`
    this.#clock = clock
    this.#probe = probe
    this.#onChange = onChange
    this.#breaker = new Breaker(clock, openTimes)
  }

  /** Whether its failures keep requests away from it, until a probe finds it ready. */
  get isOut(): boolean {
    return this.#breaker.isOpen
  }

  /** Its last failure, in words. */
  get failure(): string {
    return this.#failure
  }

  /** Milliseconds until it is probed next, while it is out. */
  get probeInMs(): number {
    return this.#breaker.probeInMs
  }

  get inFlight(): number {
    return this.#calls.size
  }

  /** Milliseconds for which it has asked to be left alone. */
  get restsMs(): number {
    return Math.max(0, this.#restsUntil - this.#clock.now())
  }

  /** Milliseconds that a call is expected to take; undefined before the first answer. */
  get latencyMs(): number | undefined {
    return this.#latency.at(this.#clock.now())
  }

  /**
   * Makes one call. Resolves with the attempt's value; the call stays in flight while the attempt has it kept.
   *
   * @param onEnd Called when a call whose attempt has resolved is no longer in flight.
   */
  call<T>(
    attempt: (call: ReplicaCall) => Promise<T>,
    signal: AbortSignal | undefined,
    deadline: Deadline | undefined,
    onEnd: () => void,
  ): Promise<T> {
    const call = new Call({ clock: this.#clock, signal, deadline })
    if (this.#calls.size === 0) this.#heard()
    this.#calls.add(call)
    this.#watch()
    let hasResolved = false
    return new Promise((resolve, reject) => {
      const exchange = async () => {
        const value = await call.bound(attempt(this.#handleOf(call, deadline)))
        this.#heard()
        this.#latency.add(this.#clock.now() - call.startedAt, this.#clock.now())
        hasResolved = true
        resolve(value)
        if (call.kept) await call.bound(call.kept)
      }
      this.#breaker
        .run(exchange)
        .then(
          () => {
            this.outcomes.answered++
          },
          (cause: unknown) => {
            this.#failed(cause)
            reject(cause)
          },
        )
        .finally(() => {
          this.#calls.delete(call)
          call.end(closed())
          this.#scheduleProbe()
          if (hasResolved) onEnd()
        })
    })
  }

  /** Asks whether it is ready, at the start. It is out where it is not. */
  async check(): Promise<void> {
    // As many failures as open the circuit; once where it is open already.
    for (let tries = 0; tries === 0 || (tries < 2 && !this.isOut); tries++) {
      if (await this.#breaker.run(() => this.#askReady()).then(isTrue, isFalse)) break
    }
    this.#scheduleProbe()
  }

  close(reason: SpillwayError): void {
    this.#isClosed = true
    for (const call of this.#calls) call.abort(reason)
  }

  #handleOf(call: Call, deadline: Deadline | undefined): ReplicaCall {
    return {
      url: this.url,
      name: this.name,
      signal: call.signal,
      leftMs: () => deadline && Math.max(0, deadline.at - this.#clock.now()),
      heard: () => this.#heard(),
      keepUntil: (ended) => {
        call.kept = ended
      },
    }
  }

  #heard(): void {
    this.#heardAt = this.#clock.now()
  }

  #failed(cause: unknown): void {
    if (isFault(cause)) {
      this.outcomes.failed++
      this.#failure = cause.message
    } else if (isRefusal(cause)) {
      this.outcomes.refused++
      this.#heard()
      this.#restsUntil = this.#clock.now() + (cause.detail.retryAfterMs ?? 0)
    } else if (isLeft(cause)) this.outcomes.canceled++
    else {
      this.outcomes.rejected++
      this.#heard()
    }
  }

  /** A replica that says nothing while calls are in flight may hang: the ready route tells. */
  #watch(): void {
    if (this.#isWatched) return
    this.#isWatched = true
    this.#clock.after(this.#heardAt + silenceMs - this.#clock.now(), () => {
      this.#isWatched = false
      if (this.#calls.size === 0 || this.#isClosed) return
      if (this.#clock.now() - this.#heardAt < silenceMs) this.#watch()
      else void this.#checkSilent()
    })
  }

  async #checkSilent(): Promise<void> {
    const asked = [...this.#calls]
    try {
      await this.#breaker.run(() => this.#askWhetherAlive())
    } catch (cause) {
      const silent = new SpillwayError('server_timeout', `${this.name} gives no sign of life`, {
        expected: `an answer, or part of one, within ${silenceMs} ms`,
        got: messageOf(cause),
      })
      for (const call of asked) if (this.#calls.has(call)) call.abort(silent)
      this.#scheduleProbe()
    }
    this.#heard()
    if (this.#calls.size > 0) this.#watch()
  }

  /** A replica that answers that it is not ready is alive: it may be shutting down, and answer what it has. */
  #askWhetherAlive(): Promise<void> {
    return this.#ask().catch((cause: unknown) => {
      if (isFault(cause)) throw cause
    })
  }

  #scheduleProbe(): void {
    if (this.isOut !== this.#wasOut) {
      this.#wasOut = this.isOut
      this.#onChange(this)
    }
    if (!this.isOut || this.#isProbing || this.#isClosed) return
    this.#isProbing = true
    this.#clock.after(this.probeInMs, () => {
      if (this.#isClosed) return
      this.#breaker
        .run(() => this.#askReady())
        .then(isTrue, isFalse)
        .then(() => {
          this.#isProbing = false
          this.#scheduleProbe()
        })
    })
  }

  /** @throws SpillwayError `server_unreachable`, whatever the reason: the circuit then stays open. */
  #askReady(): Promise<void> {
    return this.#ask().catch((cause: unknown) => {
      this.#failure = `${this.name} is not ready: ${messageOf(cause)}`
      throw new SpillwayError('server_unreachable', this.#failure, {}, { cause })
    })
  }

  async #ask(): Promise<void> {
    const controller = new AbortController()
    try {
      await withTimeout(this.#clock, probeMs, this.#probe(this.url, controller.signal), () => {
        return new SpillwayError('server_timeout', `${this.name} does not say whether it is ready`, {
          expected: `an answer within ${probeMs} ms`,
          got: 'none',
        })
      })
    } finally {
      controller.abort()
    }
  }
}

const isTrue = () => true
const isFalse = () => false

const isLeft = (cause: unknown) =>
  cause instanceof SpillwayError && (cause.code === 'aborted' || cause.code === 'deadline_exceeded')
