import { type Endpoint, transfer, wrap } from 'comlink'
import type { Clock } from '../../../models/async/clock.ts'
import { Deadlines } from '../../../models/async/deadlines.ts'
import type { Outcome } from '../../../models/async/outcome.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type {
  BatchReply,
  BatchRequest,
  EventsReply,
  LaneApi,
  LoadReply,
  LoadRequest,
  SequenceRequest,
  StartReply,
  StartRequest,
} from '../../protocol/lane.ts'
import { callDirectly } from './direct-calls.ts'

/** One worker with its own ONNX Runtime, seen from outside. Every call settles, the lane's death included. */
export interface Lane {
  start(request: StartRequest): Promise<StartReply>
  load(request: LoadRequest): Promise<LoadReply>
  run(batch: BatchRequest): Promise<BatchReply>
  unload(session: string): Promise<void>
  /** Adds sequences to those that a session decodes. */
  addSequences(session: string, requests: readonly SequenceRequest[]): Promise<void>
  cancelSequences(session: string, ids: readonly number[]): Promise<void>
  /** What came of them since the last time. */
  takeEvents(session: string): Promise<EventsReply>
  /** Resolves when the lane is seen to be alive. */
  ping(): Promise<void>
  /** Resolves with the reason once the lane is gone. It never rejects. */
  readonly lost: Promise<SpillwayError>
  /** Ends the worker at once, whatever it does. */
  kill(reason: SpillwayError): void
}

/** Milliseconds after which a lane that does not answer is taken for dead. */
export interface LaneLimits {
  readonly startMs: number
  readonly loadMs: number
  readonly runMs: number
}

export const laneLimits: LaneLimits = { startMs: 60_000, loadMs: 60_000, runMs: 60_000 }

/** What a realm gives to make a lane of one of its workers. */
export interface LaneTransport {
  readonly endpoint: Endpoint
  terminate(): void
  /** Calls back when the worker ended or failed by itself. */
  onEnd(ended: (reason: string) => void): void
}

interface Call {
  readonly name: string
  /** Milliseconds that it may take, and the moment on the clock when they are over. */
  readonly ms: number
  readonly deadline: number
  readonly reject: (reason: SpillwayError) => void
}

export function connectLane(transport: LaneTransport, clock: Clock, limits: LaneLimits = laneLimits): Lane {
  const direct = callDirectly(transport.endpoint)
  const remote = wrap<LaneApi>(transport.endpoint)
  let die: (reason: SpillwayError) => void = () => {}
  const gone = new Promise<SpillwayError>((resolve) => {
    die = resolve
  })
  let dead: SpillwayError | undefined
  const inFlight = new Deadlines<Call>(clock, ({ name, ms, reject }) => {
    const reason = new SpillwayError('lane_lost', `The lane did not answer "${name}"`, {
      expected: `an answer within ${ms} ms`,
    })
    reject(reason)
    kill(reason)
  })
  const kill = (reason: SpillwayError) => {
    if (dead) return
    dead = reason
    die(reason)
    transport.terminate()
    // Told one by one, not by racing each call against `gone`: that promise would keep every reply until the lane ends.
    for (const { reject } of inFlight.clear()) reject(reason)
  }
  transport.onEnd((reason) => kill(new SpillwayError('lane_lost', `The lane ended: ${reason}`)))

  // A call in flight when its worker dies would stay pending for ever.
  const call = <T>(name: string, ms: number, send: () => Promise<Outcome<T>>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (dead) throw dead
      const sent: Call = { name, ms, deadline: clock.now() + ms, reject }
      inFlight.add(sent)
      send().then(
        (reply) => {
          inFlight.delete(sent)
          if (reply.ok) resolve(reply.value)
          else reject(SpillwayError.fromWire(reply.error))
        },
        (cause) => {
          inFlight.delete(sent)
          reject(cause)
        },
      )
    })

  return {
    start: (request) => call('start', limits.startMs, () => remote.start(request)),
    load: (request) =>
      call('load', limits.loadMs, () => remote.load(transfer(request, sourceBuffers(request)))),
    run: (batch) => call('run', limits.runMs, () => direct.run(batch)),
    unload: async (session) => {
      await call('unload', limits.loadMs, () => remote.unload(session))
    },
    addSequences: async (session, requests) => {
      await call('addSequences', limits.runMs, () => remote.addSequences(session, requests))
    },
    cancelSequences: async (session, ids) => {
      await call('cancelSequences', limits.runMs, () => remote.cancelSequences(session, ids))
    },
    takeEvents: (session) => call('takeEvents', limits.runMs, () => direct.takeEvents(session)),
    ping: async () => {
      await call('ping', limits.runMs, () => remote.ping())
    },
    lost: gone,
    kill,
  }
}

const sourceBuffers = ({ source }: LoadRequest) =>
  source.from === 'bytes' ? [source.graph, ...source.external.map(({ data }) => data)] : []
