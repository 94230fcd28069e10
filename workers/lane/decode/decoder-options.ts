import type { Clock } from '../../../models/async/clock.ts'
import type { Formats } from '../format/formats.ts'
import type { Kv } from '../kv/kv.ts'
import type { Chooser } from '../sampling/types.ts'
import type { DraftModelOptions } from './draft-model.ts'

export interface DecoderOptions {
  readonly kv: Kv
  /** The most tokens of a sequence that the model can attend to. */
  readonly context: number
  /** Sequences that share a step, to begin with and at most. */
  readonly slots: number
  readonly maxSlots: number
  /** Bytes allowed for keys and values. */
  readonly maxBytes: number
  /** How many of the likeliest tokens the graph can return instead of all logits; 0 where it cannot. */
  readonly selected: number
  /** Whether the logits after a token do not depend, but for rounding, on the tokens that are run with it. */
  readonly isExact: boolean
  readonly chooser: Chooser
  /** A small model with the same vocabulary, whose guesses are verified. */
  readonly draft?: DraftModelOptions | undefined
  /** Holds texts to their formats. Absent where this realm cannot. */
  readonly formats?: Formats | undefined
  /** Runs one thing at a time in the runtime. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>
  /** Lets the event loop read messages between two steps. */
  readonly yieldToEventLoop: () => Promise<void>
  readonly clock: Clock
}
