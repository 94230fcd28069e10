import type { Clock } from '../../../models/async/clock.ts'
import { type Backend, SpillwayError } from '../../../models/core/index.ts'
import { readConfig } from '../../../server/config.ts'
import { Admission } from '../../../workers/host/scheduler/admission.ts'
import * as cutting from '../../../workers/host/scheduler/cut-request.ts'
import { entriesToDisplace } from '../../../workers/host/scheduler/displaced-entries.ts'
import { Scheduler } from '../../../workers/host/scheduler/scheduler.ts'
import type { RunAnswer, Tensors, WaitOptions } from '../../../workers/host/scheduler/work.ts'
import { SequenceScheduler } from '../../../workers/host/text/sequence-scheduler.ts'
import type { TokenGenerator } from '../../../workers/host/text/types.ts'
import { httpCpuMs } from './figures.ts'
import { SimulatedDecoder } from './simulated-decoder.ts'
import { SimulatedLanes, type SimulatedSession } from './simulated-lanes.ts'
import type { Workload } from './workload.ts'

/** The limits of a server that sets no variables. */
const { queue, generateLimits, requestLimits } = readConfig({})

export interface ReplicaOptions {
  readonly clock: Clock
  readonly backend: Backend
  readonly lanes: number
  /** Milliseconds of a lane. */
  readonly runMs: (workload: Workload, rows: number) => number
  /** Whether requests wait however long it takes. Default: the server's admission holds. */
  readonly admitsAll?: boolean | undefined
}

interface ServedSession extends SimulatedSession {
  readonly workload: Workload
}

/** One server process: the server's scheduler, its bounds and its fair turns, over simulated lanes. */
export class Replica {
  readonly #options: ReplicaOptions
  readonly #lanes: SimulatedLanes<ServedSession>
  readonly #scheduler: Scheduler<ServedSession>
  readonly #sessions = new Map<Workload, ServedSession>()
  readonly #generators = new Map<Workload, SequenceScheduler>()
  readonly #decoders: SimulatedDecoder[] = []
  #requests = 0
  /** Requests that it has and did not answer yet. */
  outstanding = 0
  /** Whether it answers. */
  isUp = true

  constructor(options: ReplicaOptions) {
    const { clock, lanes, runMs, admitsAll = false } = options
    this.#options = options
    this.#lanes = new SimulatedLanes(clock, lanes, ({ workload }, rows) => runMs(workload, rows))
    // As `createInference` sets it up.
    this.#scheduler = new Scheduler({
      lanes: this.#lanes,
      clock,
      maxQueued: queue.requests,
      maxQueuedRows: queue.rows,
      maxQueuedBytes: queue.bytes,
      targetMs: 100,
      cutting: () => cutting,
      displace: entriesToDisplace,
      admission: admitsAll ? undefined : new Admission({ clock, burstMs: queue.burstMs ?? 0 }),
      maxBatchBytes: 256 * 2 ** 20,
      afterTurn: (task) => clock.after(0, task),
    })
  }

  /** Milliseconds of work so far: of lanes and of HTTP, or of a decoder with all slots taken. */
  get busyMs(): number {
    return this.#decoders.reduce(
      (sum, { busyMs }) => sum + busyMs,
      this.#lanes.busyMs + httpCpuMs * this.#requests,
    )
  }

  /** As the route does: refused before the body is read where the queue is full. */
  async infer(workload: Workload, rows: number, inputs: Tensors, wait: WaitOptions): Promise<RunAnswer> {
    this.#requests++
    const source = this.#sessionOf(workload)
    const refusal = this.#scheduler.refusal(source, wait)
    if (refusal) throw refusal
    const { deadlineMs = requestLimits.timeoutMs } = wait
    return this.#scheduler.submit(
      { source, inputs, rows, askedAt: this.#options.clock.now() },
      { ...wait, deadlineMs: Math.min(deadlineMs, requestLimits.maxTimeoutMs) },
    )
  }

  queueMs(workload: Workload): number {
    return this.#scheduler.estimate(this.#sessionOf(workload), 1).queueMs
  }

  generator(workload: Workload): TokenGenerator {
    let generator = this.#generators.get(workload)
    if (!generator) {
      const { clock, backend } = this.#options
      const { generation: spec } = workload.manifest
      const cost = workload.texts?.[backend]
      if (!spec || !cost)
        throw new SpillwayError('not_supported', `${workload.manifest.id} generates no text here`)
      const decoder = new SimulatedDecoder(clock, cost, generateLimits.slots)
      this.#decoders.push(decoder)
      generator = new SequenceScheduler({
        session: workload.manifest.id,
        spec,
        lease: async () => ({ lane: decoder, release: () => {} }),
        executedOn: { backend, variant: 'q4f16' },
        slots: generateLimits.slots,
        maxWaiting: queue.requests,
        maxWaitingTokens: queue.tokens,
        maxStartMs: queue.textStartMs,
        clock,
      })
      this.#generators.set(workload, generator)
    }
    return generator
  }

  #sessionOf(workload: Workload): ServedSession {
    let session = this.#sessions.get(workload)
    if (!session) {
      const { backend } = this.#options
      const { manifest } = workload
      session = { key: `${manifest.id}@1/q8/${backend}`, manifest, backend, variant: 'q8', workload }
      this.#sessions.set(workload, session)
    }
    return session
  }
}
