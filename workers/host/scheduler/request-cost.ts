import { batchAxisOf, type Manifest } from '../../../models/core/index.ts'
import type { Lanes } from './lanes.ts'
import type { ScheduledModel } from './model-registry.ts'
import type { BatchedModel, Work } from './work.ts'

/** The most rows that are not cut for their cost. */
const leastCutRows = 8

/** About as many rows a run takes of a long request while the cost of its model is not known. */
export const unknownRows = 64

/** Whether each row of a model's outputs has a place of its own, so that a request may run in parts. */
export const hasRowsThroughout = ({ batchAxis, outputs, ...manifest }: Manifest): boolean =>
  batchAxis !== null && outputs.every((spec) => batchAxisOf({ batchAxis, ...manifest }, spec) !== null)

/** Whether the request may run in parts. */
export const mayBeCut = <S extends BatchedModel>(
  { isCuttable, limits }: ScheduledModel<S>,
  { rows, isWhole }: Pick<Work<S>, 'rows' | 'isWhole'>,
): boolean =>
  rows > Math.min(leastCutRows, limits.maxRows) && isCuttable && limits.maxRequests > 1 && !isWhole

/** Milliseconds of a request in lanes that it has to itself: the lanes share the parts of a long one. */
export function runMsOf<S extends BatchedModel>(
  model: ScheduledModel<S>,
  rows: number,
  lanes: Lanes<S>,
): number {
  const ms = model.curve.predict(rows)
  const { targetMs } = model.limits
  return ms > targetMs && mayBeCut(model, { rows }) ? Math.max(targetMs, ms / lanes.count(model.source)) : ms
}

/** What a request costs its caller: milliseconds of a lane, or its rows while these are not known. */
export const costOf = <S extends BatchedModel>({ curve }: ScheduledModel<S>, rows: number): number =>
  curve.isKnown ? curve.predict(rows) : rows
