import { SpillwayError } from '../../models/core/index.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import type { BatchReply, LoadRequest } from '../../workers/protocol/lane.ts'
import type { ManualClock } from './manual-clock.ts'

export interface Machine {
  /** Runs that do not slow each other down. */
  readonly cores: number
  /** Milliseconds of one row on a free core. */
  readonly msPerRow: number
  /** Milliseconds of a run on a free core, where they are not `msPerRow` a row. */
  readonly msOfRun?: (session: string, rows: number) => number
  readonly startMs: number
  readonly loadMs: number
  /** The error of a load, if any. A `lane_lost` error ends the lane. */
  readonly faultOfLoad?: (request: LoadRequest, lane: ManualLane) => SpillwayError | undefined
  /** The error of a warm-up, if any. A `lane_lost` error ends the lane. */
  readonly faultOfWarmUp?: (session: string, lane: ManualLane) => SpillwayError | undefined
  /** The error of a run, if any. A `lane_lost` error ends the lane. */
  readonly faultOfRun?: (session: string) => SpillwayError | undefined
}

export interface ManualLane extends Lane {
  readonly name: string
  readonly threads: number
  readonly sessions: ReadonlySet<string>
  readonly isAlive: boolean
}

/** Lanes that take the time of a machine with so many cores, on a clock that a test advances. */
export function createManualLanes(clock: ManualClock, machine: Machine) {
  const lanes: ManualLane[] = []
  let running = 0
  const after = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve))

  const startLane = (name: string): Lane => {
    let die: (reason: SpillwayError) => void = () => {}
    let dead: SpillwayError | undefined
    let threads = 0
    const sessions = new Set<string>()
    const lost = new Promise<SpillwayError>((resolve) => {
      die = resolve
    })
    const kill = (reason: SpillwayError) => {
      dead ??= reason
      die(dead)
    }
    const alive = <T>(value: T): T => {
      if (dead) throw dead
      return value
    }
    const lane: ManualLane = {
      name,
      sessions,
      lost,
      kill,
      get threads() {
        return threads
      },
      get isAlive() {
        return dead === undefined
      },
      start: async (request) => {
        await after(machine.startMs)
        threads = request.threads
        return alive({ runtime: '1', backends: ['cpu' as const] })
      },
      load: async (request) => {
        await after(machine.loadMs)
        const fault = machine.faultOfLoad?.(request, lane)
        if (fault?.code === 'lane_lost') kill(fault)
        if (fault) throw fault
        sessions.add(request.session)
        return alive({ loadMs: machine.loadMs })
      },
      warmUp: async (session) => {
        const fault = machine.faultOfWarmUp?.(session, lane)
        if (fault?.code === 'lane_lost') kill(fault)
        if (fault) throw fault
        return alive({ warmUpMs: 0 })
      },
      run: async ({ session, inputs }): Promise<BatchReply> => {
        if (!sessions.has(session))
          throw new SpillwayError('internal', `No session "${session}" in this lane`)
        running++
        const rows = inputs.image?.shape[0] ?? 0
        const alone = machine.msOfRun?.(session, rows) ?? rows * machine.msPerRow
        const laneMs = alone * Math.max(1, running / machine.cores)
        await after(laneMs)
        running--
        const fault = machine.faultOfRun?.(session)
        if (fault?.code === 'lane_lost') kill(fault)
        if (fault) throw fault
        const logits = { type: 'float32', data: new Float32Array(rows * 10), shape: [rows, 10] } as const
        return alive({ outputs: { logits }, inputMs: 0, computeMs: 1, outputMs: 0, laneMs })
      },
      ping: async () => alive(undefined),
      unload: async (session) => {
        sessions.delete(alive(session))
      },
      addSequences: () => Promise.reject(noDecoder()),
      cancelSequences: () => Promise.reject(noDecoder()),
      takeEvents: () => Promise.reject(noDecoder()),
    }
    lanes.push(lane)
    return lane
  }
  return { lanes, startLane }
}

const noDecoder = () => new SpillwayError('internal', 'These lanes do not decode')
