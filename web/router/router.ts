import {
  type CheckedInputs,
  type ErrorCode,
  type Manifest,
  type Policy,
  type RunResult,
  SpillwayError,
} from '../../models/index.ts'
import { abortedBy } from '../../workers/bounded.ts'
import type { Clock } from '../../workers/clock.ts'
import type { Capacity } from '../capacity/capacity.ts'
import type { DeviceTier } from '../device/device.ts'
import { infer } from '../remote/infer.ts'
import type { Progress } from '../store/obtain.ts'
import { type Decision, decide } from './decide.ts'
import { Health } from './health.ts'

export interface RouterOptions {
  readonly capacity: Promise<Capacity>
  readonly device: DeviceTier
  readonly server: URL | null
  readonly clock: Clock
}

export interface RouteOptions {
  readonly policy: Policy
  readonly signal?: AbortSignal | undefined
  readonly deadlineMs?: number | undefined
}

/** A tier that failed so cannot answer this request, and another one may. */
const deviceFailures: readonly ErrorCode[] = [
  'lane_failed',
  'model_invalid',
  'run_failed',
  'capacity_insufficient',
  'file_missing',
  'file_truncated',
  'file_altered',
  'server_unreachable',
  'server_timeout',
]
const serverFailures: readonly ErrorCode[] = [
  'server_unreachable',
  'server_timeout',
  'server_response_invalid',
  'overloaded',
  'closed',
]

/** Decides where each request runs, runs it there, and takes it to the other tier when that one fails. */
export class Router {
  readonly #options: RouterOptions
  readonly #health: Health

  constructor(options: RouterOptions) {
    this.#options = options
    this.#health = new Health(options.clock, options.server !== null)
  }

  /** Makes the model ready where the policy would run it now. */
  async prepare(
    manifest: Manifest,
    options: RouteOptions,
    onProgress?: (progress: Progress) => void,
  ): Promise<void> {
    await this.#failingOver(manifest, options, async (decision) => {
      if (decision.tier === 'device')
        await this.#options.device.prepare(sessionOf(manifest, decision), options.signal, onProgress)
    })
  }

  async run(manifest: Manifest, inputs: CheckedInputs, options: RouteOptions): Promise<RunResult> {
    const { clock } = this.#options
    const startedAt = clock.now()
    const { deadlineMs } = options
    return this.#failingOver(manifest, options, async (decision) => {
      const remaining = deadlineMs === undefined ? undefined : deadlineMs - (clock.now() - startedAt)
      if (remaining !== undefined && remaining <= 0) throw outOfTime(deadlineMs)
      const wait = { signal: options.signal, deadlineMs: remaining }
      const result =
        decision.tier === 'device'
          ? await this.#onDevice(manifest, inputs, decision, wait)
          : await this.#onServer(manifest, inputs, decision, wait)
      const { outputs, placement, queueMs, computeMs } = result
      return { outputs, placement, timings: { totalMs: clock.now() - startedAt, queueMs, computeMs } }
    })
  }

  async #onDevice(
    manifest: Manifest,
    { tensors }: CheckedInputs,
    decision: Decision & { tier: 'device' },
    wait: { signal: AbortSignal | undefined; deadlineMs: number | undefined },
  ) {
    const { device, clock } = this.#options
    const session = sessionOf(manifest, decision)
    const startedAt = clock.now()
    await device.prepare(session, wait.signal)
    const result = await device.run(session, tensors, wait)
    return { ...result, placement: decision.placement, queueMs: clock.now() - startedAt - result.computeMs }
  }

  async #onServer(
    manifest: Manifest,
    { tensors }: CheckedInputs,
    decision: Decision & { tier: 'server' },
    wait: { signal: AbortSignal | undefined; deadlineMs: number | undefined },
  ) {
    const { server, clock } = this.#options
    if (!server) throw new SpillwayError('server_absent', 'The runtime has no server')
    const { backend, variant, ...answer } = await infer(server, manifest, tensors, { clock, ...wait })
    return { ...answer, placement: { tier: 'server' as const, backend, variant, ...decision.placement } }
  }

  /** Tries where `decide` says; a failure changes what it says next, and each tier's backend is tried once at most. */
  async #failingOver<T>(
    manifest: Manifest,
    { policy, signal }: RouteOptions,
    attempt: (decision: Decision) => Promise<T>,
  ): Promise<T> {
    const capacity = await this.#options.capacity
    const tried = new Set<string>()
    let failure: SpillwayError | undefined
    for (;;) {
      const decision = this.#decide(capacity, manifest, policy, failure)
      const place = placeOf(decision)
      if (failure && tried.has(place)) throw failure
      tried.add(place)
      try {
        const result = await attempt(decision)
        this.#note(manifest, decision)
        return result
      } catch (cause) {
        if (signal?.aborted) throw abortedBy(signal)
        failure = SpillwayError.from(cause, 'internal', `${manifest.id} failed`)
        if (!this.#note(manifest, decision, failure)) throw failure
      }
    }
  }

  /** Once a tier has failed, what is told is how it failed, not that nothing else is left. */
  #decide(
    capacity: Capacity,
    manifest: Manifest,
    policy: Policy,
    failure: SpillwayError | undefined,
  ): Decision {
    try {
      return decide(capacity, manifest, policy, this.#health.live(manifest.id))
    } catch (cause) {
      throw failure ?? cause
    }
  }

  /** Keeps how an attempt went; true where another tier may do better. */
  #note(manifest: Manifest, decision: Decision, failure?: SpillwayError): boolean {
    const { tier, placement } = decision
    if (tier === 'server') {
      if (!failure) this.#health.serverAnswered()
      else if (serverFailures.includes(failure.code)) this.#health.serverFailed()
      else return false
      return true
    }
    if (!failure) this.#health.deviceAnswered(manifest.id, placement.backend)
    else if (deviceFailures.includes(failure.code))
      this.#health.deviceFailed(manifest.id, placement.backend, failure)
    else return false
    return true
  }
}

const sessionOf = (manifest: Manifest, { variant, placement }: Decision & { tier: 'device' }) => ({
  manifest,
  variant,
  backend: placement.backend,
})

const placeOf = (decision: Decision) =>
  decision.tier === 'server' ? 'server' : `device/${decision.placement.backend}`

const outOfTime = (deadlineMs: number | undefined) =>
  new SpillwayError('deadline_exceeded', 'The request was not answered in time', {
    expected: `an answer within ${deadlineMs} ms`,
  })
