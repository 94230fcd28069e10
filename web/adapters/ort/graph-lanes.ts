import { env } from 'onnxruntime-common'
import type { Clock } from '../../../models/async/clock.ts'
import { type Backend, SpillwayError } from '../../../models/core/index.ts'
import { startWorkerLane } from '../../../workers/host/lane-client/browser/start-worker-lane.ts'
import type { Lane } from '../../../workers/host/lane-client/lane.ts'
import type { LeasedLane } from '../../../workers/host/pool/lane-holder.ts'
import type { Layout } from '../../../workers/host/pool/lane-layout.ts'
import { Pool } from '../../../workers/host/pool/pool.ts'
import { Scheduler } from '../../../workers/host/scheduler/scheduler.ts'
import { leaseLane } from '../../../workers/host/text/lease-lane.ts'
import type { GraphSignature } from '../../../workers/protocol/lane.ts'
import { laneThreads } from '../../device/capacity.ts'
import { StoreWorker } from '../../store/worker/store-worker.ts'
import type { GraphSession } from './graph-session.ts'

/** Sessions beyond this number share lanes. Each lane takes the memory of a runtime. */
const maxLanes = 4

/** A session that is loaded, with the lane that keeps it. */
export interface OpenedGraph {
  readonly lease: LeasedLane
  readonly signature: GraphSignature
}

/** The lanes of sessions without manifests. Each session keeps the lane that it was loaded into, and its order of runs. */
export class GraphLanes {
  readonly #pool: Pool
  /** It only puts loads in order: runs go to the session's lane as they come. */
  readonly #scheduler: Scheduler<GraphSession>
  readonly #store = new StoreWorker()
  readonly #signatures = new Map<string, GraphSignature>()

  constructor(clock: Clock) {
    this.#pool = new Pool({
      layouts: (backend) => [layoutOf(backend)],
      // The page that opens sessions also releases them: none is unloaded for another.
      memoryBudget: Number.POSITIVE_INFINITY,
      startLane: (name) => this.#startLane(`spillway ort ${name}`, clock),
      clock,
    })
    this.#scheduler = new Scheduler({
      lanes: this.#pool,
      clock,
      maxQueued: 0,
      targetMs: 0,
      maxBatchBytes: 0,
      afterTurn: (task) => queueMicrotask(task),
    })
  }

  /** Fetches the runtime while the model's files are read. The lane that needs it reports that it did not load. */
  prefetch(): void {
    this.#store.runtime().catch(() => undefined)
  }

  /**
   * Loads a session, where its lane was lost also again, and keeps it until the lease is released.
   *
   * @throws SpillwayError `model_invalid`, `capacity_insufficient`, `lane_failed`, or as the store's worker does.
   */
  async open(session: GraphSession): Promise<OpenedGraph> {
    const lease = await leaseLane(this.#scheduler, this.#pool, session)
    const signature = this.#signatures.get(session.key)
    if (signature) return { lease, signature }
    throw new SpillwayError('internal', `The lane did not describe ${session.key}`)
  }

  /** Unloads a session whose lease is released. A lane without sessions ends. */
  async close(session: GraphSession): Promise<void> {
    this.#signatures.delete(session.key)
    await this.#pool.unload(session)
  }

  #startLane(name: string, clock: Clock): Lane {
    const lane = startWorkerLane(name, clock, { runtime: () => this.#store.runtime() })
    return {
      ...lane,
      load: async (request, withinMs) => {
        const reply = await lane.load(request, withinMs)
        if (reply.signature) this.#signatures.set(request.session, reply.signature)
        return reply
      },
    }
  }
}

/** `env.wasm.numThreads` may ask for fewer threads than a lane would have. */
function layoutOf(backend: Backend): Layout {
  const threads = Math.min(env.wasm.numThreads || Number.POSITIVE_INFINITY, laneThreads())
  if (backend === 'webgpu') return { lanes: 1, threads }
  const { hardwareConcurrency } = navigator
  return { lanes: Math.max(1, Math.min(maxLanes, Math.floor(hardwareConcurrency / threads))), threads }
}
