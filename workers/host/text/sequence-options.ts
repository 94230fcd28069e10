import type { Clock } from '../../../models/async/clock.ts'
import type { GenerationSpec } from '../../../models/core/index.ts'
import type { LeasedLane } from '../pool/lane-holder.ts'
import type { SessionSpec } from '../scheduler/work.ts'
import type { TokenGenerator } from './types.ts'

/** A lane with a model. */
export interface LeasedSession extends LeasedLane {
  /** Where the model may run on several backends: the session in this lane. */
  readonly spec?: Pick<SessionSpec, 'key' | 'backend' | 'variant'>
}

export interface SequenceSchedulerOptions {
  /** The session's name in its lane. */
  readonly session: string
  readonly spec: GenerationSpec
  /** Tokens that a lane holds of one sequence. Default: as many as the model reads. */
  readonly context?: number | undefined
  /** Leases a lane with the model, which is started and loaded where no lane has it. */
  readonly lease: () => Promise<LeasedSession>
  /** Whether the next lane would run the model on another backend than this session's. Default: never. */
  readonly hasMoved?: (session: string) => boolean
  /** Where it runs, for leases that do not say. */
  readonly executedOn: TokenGenerator['executedOn']
  /** Sequences that one lane decodes at a time, before it has reported how many. */
  readonly slots: number
  /** Sequences that may wait; one more is refused as `overloaded`. */
  readonly maxWaiting: number
  /** Tokens of their prompts together. Default: any number. */
  readonly maxWaitingTokens?: number | undefined
  /**
   * Milliseconds until its slot that a new sequence may have to expect, where others wait already. Absent: it waits until
   * its deadline.
   */
  readonly maxStartMs?: number | undefined
  readonly clock: Clock
}
