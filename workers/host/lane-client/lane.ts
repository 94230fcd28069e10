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

/** A client of one worker with its own ONNX Runtime. Every call settles, even when the lane dies. */
export interface Lane {
  start(request: StartRequest): Promise<StartReply>
  /** @param withinMs Milliseconds for which the caller waits, where that is longer than the lane's limit. */
  load(request: LoadRequest, withinMs?: number): Promise<LoadReply>
  /** @param withinMs As for `load`. */
  run(batch: BatchRequest, withinMs?: number): Promise<BatchReply>
  unload(session: string): Promise<void>
  /** Adds sequences to a session's decoding. */
  addSequences(session: string, requests: readonly SequenceRequest[]): Promise<void>
  cancelSequences(session: string, ids: readonly number[]): Promise<void>
  /** The sequences' events since the last call. */
  takeEvents(session: string): Promise<EventsReply>
  /** Resolves when the lane answers. */
  ping(): Promise<void>
  /** Resolves with the reason when the lane has ended. It never rejects. */
  readonly lost: Promise<SpillwayError>
  /** Ends the worker at once. */
  kill(reason: SpillwayError): void
}

/** Milliseconds within which a call has to be answered. A lane that exceeds them is ended. */
export interface LaneLimits {
  readonly startMs: number
  /** For a caller that does not wait longer. */
  readonly loadMs: number
  /** For callers that do not wait longer. */
  readonly runMs: number
  /** Without a sign of life, where the realm has one: a lane that computes gives it, a stopped one does not. */
  readonly hungMs: number
}

export const laneLimits: LaneLimits = {
  startMs: 60_000,
  loadMs: 60_000,
  runMs: 60_000,
  hungMs: 10_000,
}

/** The limit of a call whose caller waits so long. Without a deadline the limit alone tells a hung lane. */
const longer = (limitMs: number, withinMs = 0) =>
  withinMs > limitMs && Number.isFinite(withinMs) ? withinMs : limitMs

/** The worker of one realm, as a lane needs it. */
export interface LaneTransport {
  readonly endpoint: Endpoint
  terminate(): void
  /** Calls back when the worker ends or fails by itself. */
  onEnd(ended: (reason: string) => void): void
}

interface Call {
  readonly name: string
  readonly timeoutMs: number
  /** On the clock. */
  readonly deadline: number
  readonly reject: (reason: SpillwayError) => void
}

export function connectLane(transport: LaneTransport, clock: Clock, limits: LaneLimits = laneLimits): Lane {
  const direct = callDirectly(transport.endpoint)
  const remote = wrap<LaneApi>(transport.endpoint)
  let resolveLost: (reason: SpillwayError) => void = () => {}
  const lost = new Promise<SpillwayError>((resolve) => {
    resolveLost = resolve
  })
  let lostReason: SpillwayError | undefined
  const inFlight = new Deadlines<Call>(clock, ({ name, timeoutMs, reject }) => {
    const reason = new SpillwayError('lane_lost', `The lane did not answer "${name}"`, {
      expected: `an answer within ${timeoutMs} ms`,
    })
    reject(reason)
    kill(reason)
  })
  const kill = (reason: SpillwayError) => {
    if (lostReason) return
    lostReason = reason
    resolveLost(reason)
    transport.terminate()
    // Not by racing each call against `lost`: that promise would keep every reply in memory until the lane ends.
    for (const { reject } of inFlight.clear()) reject(reason)
  }
  transport.onEnd((reason) => kill(new SpillwayError('lane_lost', `The lane ended: ${reason}`)))

  // Without this, a call in flight when its worker dies would stay pending forever.
  const call = <T>(name: string, timeoutMs: number, send: () => Promise<Outcome<T>>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (lostReason) throw lostReason
      const sent: Call = { name, timeoutMs, deadline: clock.now() + timeoutMs, reject }
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
    load: (request, withinMs) =>
      call('load', longer(limits.loadMs, withinMs), () =>
        remote.load(transfer(request, sourceBuffers(request))),
      ),
    run: (batch, withinMs) => call('run', longer(limits.runMs, withinMs), () => direct.run(batch)),
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
    lost,
    kill,
  }
}

const sourceBuffers = ({ source }: LoadRequest) =>
  source.from === 'bytes' ? [source.graph, ...source.external.map(({ data }) => data)] : []
