import {
  batchAxisOf,
  createData,
  elementCount,
  type SpillwayError,
  type Tensor,
} from '../../../models/core/index.ts'
import { copyBlock, viewRows } from '../../../models/core/rows/blocks.ts'
import { Entry, type RequestEntry } from './entry.ts'
import type { ScheduledModel } from './model-registry.ts'
import { checkSize } from './pack-rows.ts'
import { rankOf } from './priority.ts'
import { costOf } from './request-cost.ts'
import type { Turn, Turns } from './turns.ts'
import type { BatchedModel, RunAnswer, Tensors, Work } from './work.ts'

/** The first rows of a request, and what is left of it. */
interface Cut<S extends BatchedModel> {
  readonly part: Entry<S>
  readonly rest: Entry<S>
}

/**
 * Cuts the first rows off a request, or off what is left of one. Both wait and run as other requests do, and the request
 * is answered with the last of its parts.
 *
 * @param now On the clock: without a caller, what is left has its place among the others as if it came now.
 */
export function cutEntry<S extends BatchedModel>(
  entry: Entry<S>,
  rows: number,
  model: ScheduledModel<S>,
  turns: Turns,
  now: number,
): Cut<S> {
  const request = entry instanceof Part ? entry.request : new CutRequest(entry.whole, model, turns)
  return request.cut(entry, rows, now)
}

/** The request of an entry, whose rows do not run apart: it runs again, all at once. */
export const joinParts = <S extends BatchedModel>(entry: Entry<S>): Entry<S> =>
  entry instanceof Part ? entry.request.join() : entry

/** A request whose rows run in several batches, between those of other requests: at once they would hold a lane for too long. */
class CutRequest<S extends BatchedModel> {
  readonly whole: RequestEntry<S>
  readonly #model: ScheduledModel<S>
  readonly #turns: Turns
  /** Those that wait or run. */
  readonly #parts = new Set<Entry<S>>()
  readonly #outputs: Record<string, Tensor> = {}
  #sum: (Omit<RunAnswer, 'outputs'> & { readonly runs: number }) | undefined

  constructor(whole: RequestEntry<S>, model: ScheduledModel<S>, turns: Turns) {
    this.whole = whole
    this.#model = model
    this.#turns = turns
    whole.dropParts = () => this.#dropParts()
  }

  cut(entry: Entry<S>, rows: number, now: number): Cut<S> {
    const { work, bytes, turn, rank, wait } = entry
    const at = entry instanceof Part ? entry.at : 0
    const left = work.rows - rows
    const costs = [costOf(this.#model, rows), costOf(this.#model, left)] as const
    const [first, next] = turn ? this.#turns.cut(turn, ...costs) : []
    const share = rows / work.rows
    // It goes first, also where runs have become shorter since the request came.
    const part = new Part(
      this,
      at,
      this.#workOf(at, rows),
      share * bytes,
      first,
      first ? Math.min(rank, rankOf(first.end, wait.priority)) : rank,
    )
    const rest = new Part(
      this,
      at + rows,
      this.#workOf(at + rows, left),
      (1 - share) * bytes,
      next,
      this.#rankOfRest(next, rank, now),
    )
    for (const one of [part, rest]) one.maxBatchSize = entry.maxBatchSize
    this.#parts.delete(entry)
    this.#parts.add(part).add(rest)
    return { part, rest }
  }

  /** A request of a caller that runs again has used its turn: what is left keeps its place among those of callers. */
  #rankOfRest(turn: Turn | undefined, rank: number, now: number): number {
    const { caller, priority } = this.whole.wait
    if (turn) return rankOf(turn.end, priority)
    return caller === undefined ? rankOf(now, priority) : rank
  }

  /** @throws SpillwayError `rows_dependent` */
  settle(part: Part<S>, answer: RunAnswer): void {
    this.#copyOutputs(part, answer.outputs)
    const { queueMs, inputMs, computeMs, outputMs, costMs, batchRows, runs } = this.#sum ?? nothing
    this.#sum = {
      executedOn: answer.executedOn,
      answeredAt: answer.answeredAt,
      queueMs: Math.min(queueMs, answer.queueMs),
      inputMs: sumOf(inputMs, answer.inputMs),
      computeMs: computeMs + answer.computeMs,
      outputMs: sumOf(outputMs, answer.outputMs),
      costMs: costMs + answer.costMs,
      batchRows: batchRows + answer.batchRows,
      runs: runs + 1,
    }
    this.#parts.delete(part)
    if (this.#parts.size === 0) this.whole.settle({ ...this.#sum, outputs: this.#outputs })
  }

  /** The request, without its parts. */
  join(): RequestEntry<S> {
    this.#dropParts()
    this.whole.dropParts = undefined
    this.whole.turn = undefined
    return this.whole
  }

  #workOf(at: number, rows: number): Work<S> {
    const { work } = this.whole
    const { manifest } = work.source
    const inputs: Record<string, Tensor> = {}
    for (const spec of manifest.inputs) {
      const tensor = work.inputs[spec.name]
      const axis = batchAxisOf(manifest, spec)
      if (tensor) inputs[spec.name] = axis === null ? tensor : viewRows(tensor, at, rows, axis)
    }
    return { ...work, inputs, rows }
  }

  /** Into the request's own tensors, which are created with its first part. */
  #copyOutputs({ at, work: { rows } }: Part<S>, outputs: Tensors): void {
    const { manifest } = this.whole.work.source
    for (const spec of manifest.outputs) {
      const tensor = outputs[spec.name]
      const axis = batchAxisOf(manifest, spec)
      if (!tensor || axis === null) continue
      checkSize(spec.name, tensor.shape, axis, rows)
      let joined = this.#outputs[spec.name]
      if (!joined) {
        const { type } = tensor
        const shape = tensor.shape.map((size, on) => (on === axis ? this.whole.work.rows : size))
        joined = { type, data: createData(type, elementCount(shape)), shape }
        this.#outputs[spec.name] = joined
      }
      for (const [on, size] of joined.shape.entries())
        if (on !== axis) checkSize(spec.name, tensor.shape, on, size)
      copyBlock(tensor, 0, joined, at, tensor.shape, axis)
    }
  }

  #dropParts(): void {
    for (const part of this.#parts) {
      part.settled = true
      part.leave(this.#turns)
    }
    this.#parts.clear()
  }
}

const nothing = {
  queueMs: Number.POSITIVE_INFINITY,
  inputMs: 0,
  computeMs: 0,
  outputMs: 0,
  costMs: 0,
  batchRows: 0,
  runs: 0,
}

/** Unknown where a part is: not every lane measures it. */
const sumOf = (sum: number | undefined, ms: number | undefined): number | undefined =>
  sum === undefined || ms === undefined ? undefined : sum + ms

/** Some rows of a request. */
class Part<S extends BatchedModel = BatchedModel> extends Entry<S> {
  readonly request: CutRequest<S>
  /** Its first row in the request. */
  readonly at: number

  constructor(
    request: CutRequest<S>,
    at: number,
    work: Work<S>,
    bytes: number,
    turn: Turn | undefined,
    rank: number,
  ) {
    super(work, request.whole.wait, bytes, turn, rank)
    this.request = request
    this.at = at
  }

  override get isPart(): boolean {
    return true
  }

  override get canLeave(): boolean {
    return true
  }

  override get isLast(): boolean {
    return this.at + this.work.rows === this.whole.work.rows
  }

  override get whole(): RequestEntry<S> {
    return this.request.whole
  }

  override settle(answer: RunAnswer): void {
    if (this.settled) return
    this.request.settle(this, answer)
    this.settled = true
  }

  override fail(error: SpillwayError): void {
    if (this.settled) return
    this.settled = true
    this.whole.fail(error)
  }
}
