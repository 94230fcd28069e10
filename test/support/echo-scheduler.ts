import { expect } from 'vitest'
import type { Manifest, SpillwayError, Tensor } from '../../models/core/index.ts'
import type { Cutting } from '../../workers/host/scheduler/cutting.ts'
import { entriesToDisplace } from '../../workers/host/scheduler/displaced-entries.ts'
import type { Batch, BatchResult, Lanes } from '../../workers/host/scheduler/lanes.ts'
import { Scheduler, type SchedulerOptions } from '../../workers/host/scheduler/scheduler.ts'
import type { BatchedModel, RunAnswer, WaitOptions, Work } from '../../workers/host/scheduler/work.ts'
import { createManualClock, type ManualClock } from './manual-clock.ts'
import { digitsManifest } from './test-models.ts'

/** A model that returns its input. */
export const echo = (change: Partial<Manifest> = {}): BatchedModel => {
  const manifest: Manifest = {
    ...digitsManifest,
    id: 'echo',
    inputs: [{ name: 'x', type: 'float32', shape: [-1, -1] }],
    outputs: [{ name: 'y', type: 'float32', shape: [-1, -1] }],
    ...change,
  }
  return { key: manifest.id, manifest }
}

/** Lanes whose runs take a given time on a manual clock. They keep every batch. */
class EchoLanes implements Lanes<BatchedModel> {
  readonly #count: number
  readonly batches: Tensor[] = []
  readonly #clock: ManualClock
  readonly #msOf: (rows: number) => number
  readonly #fault: (tensor: Tensor) => SpillwayError | undefined
  #busy = 0

  constructor(
    clock: ManualClock,
    count: number,
    msOf: (rows: number) => number = () => 10,
    fault: (tensor: Tensor) => SpillwayError | undefined = () => undefined,
  ) {
    this.#clock = clock
    this.#count = count
    this.#msOf = msOf
    this.#fault = fault
  }

  count() {
    return this.#count
  }

  free() {
    return this.#count - this.#busy
  }

  shared() {
    return true
  }

  onFree() {}

  run(_source: BatchedModel, { pack }: Batch): Promise<BatchResult> {
    if (this.free() === 0) throw new Error('A busy lane was given a batch')
    this.#busy++
    const tensor = pack().x ?? expect.fail('no input')
    this.batches.push(tensor)
    const startedAt = this.#clock.now()
    const costMs = this.#msOf(tensor.shape[0] ?? 0)
    return new Promise((resolve, reject) => {
      this.#clock.after(costMs, () => {
        this.#busy--
        const fault = this.#fault(tensor)
        if (fault) reject(fault)
        else
          resolve({
            outputs: { y: tensor },
            executedOn: { backend: 'cpu', variant: 'fp32' },
            startedAt,
            waitedMs: 0,
            computeMs: 1,
            costMs,
          })
      })
    })
  }

  prepare() {
    return Promise.resolve()
  }
}

/** A scheduler of `echo` models, with lanes on a manual clock. */
export function createEchoScheduler(
  options: {
    lanes?: number
    msOf?: (rows: number) => number
    fault?: (tensor: Tensor) => SpillwayError | undefined
    maxQueued?: number
    maxQueuedRows?: number
    maxQueuedBytes?: number
    targetMs?: number
    cutting?: () => Cutting
  } = {},
) {
  const clock = createManualClock()
  const lanes = new EchoLanes(clock, options.lanes ?? 1, options.msOf, options.fault)
  const scheduler = new ManualClockScheduler({
    lanes,
    clock,
    maxQueued: options.maxQueued ?? 10_000,
    maxQueuedRows: options.maxQueuedRows,
    maxQueuedBytes: options.maxQueuedBytes,
    displace: entriesToDisplace,
    targetMs: options.targetMs ?? 1_000,
    ...(options.cutting && { cutting: options.cutting }),
    maxBatchBytes: 2 ** 20,
    afterTurn: (task) => queueMicrotask(task),
  })
  return { clock, lanes, scheduler }
}

/** Submits each request with the present moment. */
class ManualClockScheduler extends Scheduler<BatchedModel> {
  readonly #clock: ManualClock

  constructor(options: SchedulerOptions<BatchedModel> & { readonly clock: ManualClock }) {
    super(options)
    this.#clock = options.clock
  }

  ask(work: Omit<Work, 'askedAt'>, wait?: WaitOptions): Promise<RunAnswer> {
    return this.submit({ ...work, askedAt: this.#clock.now() }, wait)
  }
}

export const workOf = (values: number[][], source = echo()): Omit<Work, 'askedAt'> => {
  const columns = values[0]?.length ?? 0
  return {
    source,
    rows: values.length,
    inputs: {
      x: { type: 'float32', data: Float32Array.from(values.flat()), shape: [values.length, columns] },
    },
  }
}

/** Lets promises settle and moves the clock until every request is settled. */
export async function finish(clock: ManualClock, scheduler: Scheduler<BatchedModel>): Promise<void> {
  for (let turns = 0; turns < 5_000; turns++) {
    await new Promise(setImmediate)
    if (scheduler.size + scheduler.pending === 0) return
    clock.advance(5)
  }
  throw new Error(`Not finished: ${scheduler.size} waiting, ${scheduler.pending} running`)
}

/** The values of output `y`. */
export const valuesOf = (
  answer: { outputs: Record<string, Tensor> } | { readonly outputs: Readonly<Record<string, Tensor>> },
) => [...(answer.outputs.y?.data ?? [])].map(Number)
