import type { InferenceSession, InferenceSessionHandler, SessionHandler as Values } from 'onnxruntime-common'
import { SpillwayError } from '../../../models/core/index.ts'
import type { LeasedLane } from '../../../workers/host/pool/lane-holder.ts'
import { overloaded, poisoned } from '../../../workers/host/scheduler/errors.ts'
import { maxDeaths } from '../../../workers/host/scheduler/replay.ts'
import type { GraphLanes, OpenedGraph } from './graph-lanes.ts'
import type { GraphSession } from './graph-session.ts'
import { checkFetches, copyInputs, copyTensors, toResults } from './tensors.ts'

/** Runs of a session that may wait, as many as the requests of a runtime. */
const maxQueued = 65_536

type Metadata = readonly InferenceSession.ValueMetadata[]

/** A session of ONNX Runtime's API, in a lane. Its runs go there in the order of the calls, and never share one. */
export class SessionHandler implements InferenceSessionHandler {
  readonly inputMetadata: Metadata
  readonly outputMetadata: Metadata
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  readonly #session: GraphSession
  readonly #lanes: GraphLanes
  readonly #running = new Set<Promise<unknown>>()
  /** Absent once the lane was lost, until the next run loads the session again. */
  #lease: LeasedLane | undefined
  #leasing: Promise<LeasedLane> | undefined
  #isReleased = false

  constructor(session: GraphSession, lanes: GraphLanes, { lease, signature }: OpenedGraph) {
    this.#session = session
    this.#lanes = lanes
    // Types that no tensor here has are ONNX Runtime's own.
    this.inputMetadata = signature.inputs as Metadata
    this.outputMetadata = signature.outputs as Metadata
    this.inputNames = signature.inputs.map(({ name }) => name)
    this.outputNames = signature.outputs.map(({ name }) => name)
    this.#keep(lease)
  }

  /**
   * @throws SpillwayError `input_name_invalid`, `not_supported`, `run_failed`, `memory_exhausted`, `overloaded`; `poisoned`
   * where two lanes died of the run; `closed` after `release`.
   */
  run(feeds: Values.FeedsType, fetches: Values.FetchesType): Promise<Values.ReturnType> {
    const running = this.#run(feeds, fetches)
    this.#running.add(running)
    const ended = () => this.#running.delete(running)
    running.then(ended, ended)
    return running
  }

  /** Lets the runs that were called before come to their end. */
  async dispose(): Promise<void> {
    if (this.#isReleased) return
    this.#isReleased = true
    await Promise.allSettled(this.#running)
    this.#lease?.release()
    await this.#lanes.close(this.#session)
  }

  /** As in onnxruntime-web, there are no profiles. */
  startProfiling(): void {}

  endProfiling(): void {}

  async #run(feeds: Values.FeedsType, fetches: Values.FetchesType): Promise<Values.ReturnType> {
    const { key } = this.#session
    if (this.#isReleased) throw new SpillwayError('closed', `The ${key} was released`)
    if (this.#running.size >= maxQueued) throw tooMany(this.#running.size)
    const inputs = copyInputs(feeds, this.inputNames)
    checkFetches(fetches)
    const outputs = Object.keys(fetches)
    for (let deaths = 0; ; ) {
      const { lane } = this.#lease ?? (await this.#leaseAgain())
      try {
        // A message takes the arrays away, which a replay needs.
        const run = await lane.run({ session: key, inputs: copyTensors(inputs), outputs })
        return toResults(run.outputs, fetches)
      } catch (cause) {
        if (!(cause instanceof SpillwayError) || cause.code !== 'lane_lost') throw cause
        if (++deaths === maxDeaths) throw poisoned(`one run of ${key}`, cause)
      }
    }
  }

  #leaseAgain(): Promise<LeasedLane> {
    this.#leasing ??= this.#lanes
      .open(this.#session)
      .then(({ lease }) => this.#keep(lease))
      .finally(() => {
        this.#leasing = undefined
      })
    return this.#leasing
  }

  #keep(lease: LeasedLane): LeasedLane {
    this.#lease = lease
    void lease.lane.lost.then(() => {
      if (this.#lease === lease) this.#lease = undefined
    })
    return lease
  }
}

const tooMany = (running: number) =>
  overloaded('A session has too many runs', {
    maxQueued,
    queued: running - 1,
    running: 1,
    retryAfterMs: 1_000,
  })
