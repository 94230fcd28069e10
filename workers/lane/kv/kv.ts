import type { OrtTensor } from '../runtime/ort.ts'
import type { Logits } from '../sampling/types.ts'

/** The number of slots, and the tokens that fit each. */
export interface KvShape {
  readonly slots: number
  readonly capacity: number
}

/** A slot and its next token. */
export interface KvRow {
  readonly slot: number
  readonly token: number
  /** The adapter in the graph, from 1 on. Absent: the model itself. */
  readonly adapter?: number | undefined
}

/** A slot and tokens to append to it. */
export interface RaggedRow {
  readonly slot: number
  readonly tokens: readonly number[]
}

/** Which logits a run returns: only the likeliest, where the graph selects them, or all. */
export type LogitsMode = 'top' | 'all'

/** What a run reads and writes on the device. */
export interface DeviceRun {
  readonly logits: OrtTensor
  /** The rows' tokens, by their place in `logits`; absent: those of the rows. */
  readonly tokens?: OrtTensor | undefined
}

/** A tensor on the device for the logits after so many tokens of one row. */
export type DeviceLogitsOf = (tokens: number) => OrtTensor

/**
 * Keys and values of a model's slots, kept where the model runs. It also runs the model: how a run gets at its keys and
 * values is what the implementations differ in. One call at a time. Logits are a view that the next call may write over.
 */
export interface Kv {
  readonly shape: KvShape
  /**
   * Whether a run of several tokens returns the logits after each of them, and a slot can be truncated to any of them.
   * False until a run has shown it.
   */
  readonly returnsEach: boolean
  /** How many tokens of a slot one run may take at most, for the memory that attention needs; absent where there is no bound. */
  readonly mostTokens?: number
  /** Tokens that a slot holds. */
  length(slot: number): number
  /** Bytes that a shape takes when every slot is full. */
  bytes(shape: KvShape): number
  /** Changes the shape. Slot `i` then holds what slot `from[i]` held; nothing where `from[i]` is undefined. */
  resize(shape: KvShape, from: readonly (number | undefined)[]): void
  /** Keeps a slot's first `length` tokens. @returns how many are left: none where a slot cannot be truncated. */
  truncate(slot: number, length: number): number
  /**
   * Copies the first `length` tokens of slot `from`, where it can: slot `to` then holds these and no others.
   * @returns how many tokens slot `to` holds.
   */
  copyPrefix(from: number, to: number, length: number): number
  /**
   * Appends tokens to a slot.
   *
   * @param adapter As of a row, here and below.
   * @returns logits for the token after them, where a mode asks for them.
   */
  prefill(
    slot: number,
    tokens: readonly number[],
    logitsMode?: LogitsMode,
    adapter?: number,
  ): Promise<Logits | undefined>
  /** Appends tokens to a slot. @returns the logits after each. Only where `returnsEach`. */
  prefillEach(slot: number, tokens: readonly number[], adapter?: number): Promise<readonly Logits[]>
  /** The same with logits that stay where the model runs. Absent where runs cannot do so. */
  prefillInto?(
    slot: number,
    tokens: readonly number[],
    logits: DeviceLogitsOf,
    adapter?: number,
  ): Promise<void>
  /** Appends each row's token to its slot, in one run where the model can. @returns logits for the next, by row. */
  decode(rows: readonly KvRow[], logitsMode: LogitsMode): Promise<readonly Logits[]>
  /**
   * The same in one run whose logits stay where the model runs. Absent where runs cannot do so.
   * @returns Where in `logits` each row's are. The same slots have the same places in the next such run.
   */
  decodeInto?(rows: readonly KvRow[], device: DeviceRun): Promise<readonly number[]>
  /**
   * Rows of any numbers of tokens in one run, parts of prompts and steps together. Absent where all rows have one token.
   * @param logits Where the logits stay, `[rows, 1, vocabulary]`; else they are read.
   * @returns the logits after the last token of each, where they are read.
   */
  ragged?(rows: readonly RaggedRow[], logits?: OrtTensor): Promise<readonly Logits[]>
  dispose(): void
}
