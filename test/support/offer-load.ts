import { SpillwayError, type Tensor } from '../../models/core/index.ts'
import { EventClock } from '../bench/scale/event-clock.ts'
import { Replica } from '../bench/scale/replica.ts'
import { vision } from '../bench/scale/workload.ts'
import { seeded } from './seeded.ts'

export interface Load {
  /** Milliseconds of a lane. */
  readonly runMs: (rows: number) => number
  /** Requests a second, from as many callers. */
  readonly rate: number
  readonly callers: number
  readonly seconds: number
  readonly deadlineMs?: number
  /** Milliseconds after which answers are timed. Default: none of the first second, in which a burst may be let in. */
  readonly timedFromMs?: number
  /** From when to when nobody asks, in milliseconds. */
  readonly pause?: readonly [from: number, to: number]
  /** One more caller, which asks again soon after it was answered or refused. */
  readonly beside?: {
    readonly rows: number
    /** Requests at a time. Default: 1. */
    readonly atOnce?: number
    /** Milliseconds until it asks again. Default: 1. */
    readonly againMs?: number
  }
}

/** One row of a model. */
export const oneRow: Readonly<Record<string, Tensor>> = {
  x: { type: 'float32', data: new Float32Array(1), shape: [1, 1] },
}

/** One server with one lane, whose requests come at random moments, whether earlier ones were answered or not. */
export async function offerLoad(load: Load) {
  const { runMs, rate, callers, seconds, deadlineMs = 30_000, timedFromMs = 1_000, beside } = load
  const [pausesAt, resumesAt] = load.pause ?? [0, 0]
  const clock = new EventClock()
  const replica = new Replica({ clock, backend: 'cpu', lanes: 1, runMs: (_workload, rows) => runMs(rows) })
  const random = seeded(5)
  let answered = 0
  const answeredMs: number[] = []
  const refusedMs: number[] = []
  const others: string[] = []
  let asked = 0
  const outcomesBeside: string[] = []
  const askBeside = (rows: number, againMs: number): void => {
    if (clock.now() >= 1_000 * seconds) return
    const x = { type: 'float32', data: new Float32Array(rows), shape: [rows, 1] } as const
    const settled = (outcome: string) => {
      outcomesBeside.push(outcome)
      clock.after(againMs, () => askBeside(rows, againMs))
    }
    replica.infer(vision, rows, { x }, { caller: 'beside', deadlineMs }).then(
      () => settled('answered'),
      (cause: unknown) => settled(cause instanceof SpillwayError ? cause.code : String(cause)),
    )
  }
  const next = () => {
    if (clock.now() >= 1_000 * seconds) return
    if (clock.now() >= pausesAt && clock.now() < resumesAt) {
      clock.after(resumesAt - clock.now(), next)
      return
    }
    asked++
    const askedAt = clock.now()
    const caller = `caller ${asked % callers}`
    replica.infer(vision, 1, oneRow, { caller, deadlineMs }).then(
      () => {
        answered++
        if (askedAt > timedFromMs) answeredMs.push(clock.now() - askedAt)
      },
      (cause: unknown) => {
        const code = cause instanceof SpillwayError ? cause.code : String(cause)
        if (code === 'overloaded') refusedMs.push(clock.now() - askedAt)
        else others.push(code)
      },
    )
    clock.after((-Math.log(1 - random()) * 1_000) / rate, next)
  }
  next()
  if (beside) {
    const { rows, atOnce = 1, againMs = 1 } = beside
    // Costs are known by then.
    clock.after(1_000, () => {
      for (let at = 0; at < atOnce; at++) askBeside(rows, againMs)
    })
  }
  await clock.run(1_000 * seconds + deadlineMs)
  answeredMs.sort((one, other) => one - other)
  return {
    asked,
    answered,
    refused: refusedMs.length,
    others,
    outcomesBeside,
    slowestRefusalMs: Math.max(0, ...refusedMs),
    p99: answeredMs[Math.floor(0.99 * answeredMs.length)] ?? 0,
  }
}
