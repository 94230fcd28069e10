import { type Endpoint, transfer, wrap } from 'comlink'
import type { Clock } from '../../../models/async/clock.ts'
import { Deadlines } from '../../../models/async/deadlines.ts'
import type { Outcome } from '../../../models/async/outcome.ts'
import { type ErrorCode, SpillwayError } from '../../../models/core/index.ts'
import type {
  BatchReply,
  BatchRequest,
  EventsReply,
  LaneApi,
  LaneLost,
  LoadReply,
  LoadRequest,
  SequenceRequest,
  StartReply,
  StartRequest,
  WarmUpReply,
} from '../../protocol/lane.ts'
import { callDirectly } from './direct-calls.ts'

/** A client of one worker with its own ONNX Runtime. Every call settles, even when the lane dies. */
export interface Lane {
  start(request: StartRequest): Promise<StartReply>
  /** @param withinMs Milliseconds for which the caller waits, where that is longer than the lane's limit. */
  load(request: LoadRequest, withinMs?: number): Promise<LoadReply>
  /** Runs a loaded session on made-up inputs. */
  warmUp(session: string): Promise<WarmUpReply>
  /**
   * @param withinMs Milliseconds until the last deadline of its requests; absent or infinite where none has one.
   * @param isOpenEnded Whether one of them has no deadline: then the lane's limit holds where it is longer.
   * @throws SpillwayError Where it is not answered in time: `lane_lost` for a shared batch, whose requests run again
   * alone; `deadline_exceeded` where every request has a deadline; else `run_failed`, as another lane would take as long.
   */
  run(batch: BatchRequest, withinMs?: number, isOpenEnded?: boolean): Promise<BatchReply>
  unload(session: string): Promise<void>
  /** Adds sequences to a session's decoding. */
  addSequences(session: string, requests: readonly SequenceRequest[]): Promise<void>
  cancelSequences(session: string, ids: readonly number[]): Promise<void>
  /** The sequences' events since the last call. */
  takeEvents(session: string): Promise<EventsReply>
  /** Resolves when the lane answers. */
  ping(): Promise<void>
  /** Whether buffers in messages are read and never transferred. They must not change until the call is answered. */
  readonly copiesMessages?: boolean
  /** Resolves with the reason when the lane has ended. It never rejects. */
  readonly lost: Promise<SpillwayError>
  /** Ends the worker at once. */
  kill(reason: SpillwayError): void
}

/** Milliseconds within which a call has to be answered, and memory. A lane that exceeds them is ended. */
export interface LaneLimits {
  readonly startMs: number
  /** For a caller that does not wait longer. */
  readonly loadMs: number
  /** For made-up inputs, on which a model may never come to an end. */
  readonly warmUpMs: number
  /** For a run without a deadline. */
  readonly runMs: number
  /** Without a sign of life, where the realm has one: a lane that computes gives it, a stopped one does not. */
  readonly hungMs: number
  /** Bytes of resident memory of the lane's process, where it has one of its own. Absent: any. */
  readonly memoryBytes?: number | undefined
  /** How the user raises a limit, by the call's name or `memory`: a hint for errors. */
  readonly settings?: Readonly<Record<string, string>>
}

export const laneLimits: LaneLimits = {
  startMs: 60_000,
  loadMs: 600_000,
  warmUpMs: 10_000,
  runMs: 300_000,
  hungMs: 10_000,
}

const longer = (limitMs: number, withinMs = 0) =>
  withinMs > limitMs && Number.isFinite(withinMs) ? withinMs : limitMs

/** A run has so much time at least: ending the lane costs more than a run that is a little late. */
const leastRunMs = 60_000

/** The limit of a run: as long as the caller that waits longest. */
const limitOfRun = (limitMs: number, withinMs = Number.POSITIVE_INFINITY, isOpenEnded = false) =>
  Number.isFinite(withinMs)
    ? Math.max(withinMs, isOpenEnded ? limitMs : Math.min(limitMs, leastRunMs))
    : limitMs

const lateCodeOfRun = ({ isShared }: BatchRequest, withinMs = Number.POSITIVE_INFINITY): ErrorCode => {
  // Of several requests one may be at fault: each runs again alone.
  if (isShared) return 'lane_lost'
  // The bound is the lane's, not the caller's: another backend or the server may answer.
  return Number.isFinite(withinMs) ? 'deadline_exceeded' : 'run_failed'
}

/** Past its time by more than this, a timer shows that this thread stood still. */
const stoodStillMs = 1_000

/** Milliseconds without an answer after which a lane counts as idle. */
const idleMs = 1_000

/** The worker of one realm, as a lane needs it. */
export interface LaneTransport {
  readonly endpoint: Endpoint
  /** Whether an idle lane is asked for a sign of life beside its next call, because it gives none by itself. */
  readonly isAskedWhenIdle?: boolean
  /** Whether the endpoint reads buffers, and transfers none. */
  readonly copiesMessages?: boolean
  terminate(): void
  /** Calls back when the worker ends or fails by itself. */
  onEnd(ended: (reason: string) => void): void
}

interface Call {
  readonly name: string
  readonly timeoutMs: number
  /** Of the call's error where it is not answered in time. */
  readonly lateCode: ErrorCode
  /** On the clock. */
  deadline: number
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
  let answeredAt = clock.now()
  const inFlight = new Deadlines<Call>(clock, (sent) => {
    const { name, timeoutMs, lateCode, deadline, reject } = sent
    const now = clock.now()
    if (now - deadline > stoodStillMs) {
      // Answers may have come meanwhile, which this thread reads first.
      sent.deadline = now + stoodStillMs
      return inFlight.add(sent)
    }
    const setting = limits.settings?.[name]
    const late = (code: ErrorCode) =>
      new SpillwayError(code, `The lane did not answer "${name}"`, {
        expected: `an answer within ${timeoutMs} ms`,
        ...(setting !== undefined && { hint: `Where it takes longer, raise ${setting}.` }),
      })
    reject(late(lateCode))
    kill(late('lane_lost'))
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
  const call = <T>(
    name: string,
    timeoutMs: number,
    send: () => Promise<Outcome<T>>,
    lateCode: ErrorCode = 'lane_lost',
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      if (lostReason) throw lostReason
      const sent: Call = { name, timeoutMs, lateCode, deadline: clock.now() + timeoutMs, reject }
      inFlight.add(sent)
      send().then(
        (reply) => {
          inFlight.delete(sent)
          answeredAt = clock.now()
          if (reply.ok) resolve(reply.value)
          else reject(SpillwayError.fromWire(reply.error))
        },
        (cause) => {
          inFlight.delete(sent)
          reject(cause)
        },
      )
    })

  const ping = (timeoutMs: number) => call('ping', timeoutMs, () => remote.ping())
  /** The question goes ahead of the call: during a run, a lane may be unable to answer. */
  const askIfIdle = transport.isAskedWhenIdle
    ? () => {
        if (inFlight.size === 0 && clock.now() - answeredAt > idleMs)
          ping(limits.hungMs).catch(() => undefined)
      }
    : () => {}

  return {
    start: (request) => call('start', limits.startMs, () => remote.start(request)),
    load: (request, withinMs) => {
      askIfIdle()
      return call('load', longer(limits.loadMs, withinMs), () =>
        remote.load(transfer(request, sourceBuffers(request))),
      )
    },
    warmUp: (session) => call('warmUp', limits.warmUpMs, () => remote.warmUp(session)),
    run: (batch, withinMs, isOpenEnded) => {
      askIfIdle()
      return call(
        'run',
        limitOfRun(limits.runMs, withinMs, isOpenEnded),
        () => direct.run(batch),
        lateCodeOfRun(batch, isOpenEnded ? undefined : withinMs),
      )
    },
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
      // A lane that decodes answers between two steps.
      await ping(limits.runMs)
    },
    copiesMessages: transport.copiesMessages === true,
    lost,
    kill,
  }
}

const sourceBuffers = ({ source, draft }: LoadRequest) =>
  [source, ...(draft ? [draft.source] : [])].flatMap((one) =>
    one.from === 'bytes' ? [one.graph, ...one.external.map(({ data }) => data)] : [],
  )

/** Whether a worker's message says that its GPU device is lost. */
export const isLaneLost = (message: unknown): message is LaneLost =>
  typeof message === 'object' && message !== null && 'lane' in message && message.lane === 'lost'

/** Whether a lane ended because its GPU device was lost. */
export const isDeviceLoss = ({ message }: SpillwayError): boolean =>
  message.startsWith('The lane ended: GPU device')
