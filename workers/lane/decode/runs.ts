import { SpillwayError } from '../../../models/core/index.ts'
import type { LogitsMode } from '../kv/kv.ts'
import type { Chosen, DeviceLogits, Logits } from '../sampling/types.ts'
import type { DecoderOptions } from './decoder-options.ts'
import type { RaggedPart } from './ragged-parts.ts'
import type { Sequence } from './sequence.ts'

/** Where a run's logits are: on the CPU, or left on the device for the chooser there. */
export type RunLogits = Logits | DeviceLogits

export type RunsOptions = Pick<DecoderOptions, 'kv' | 'chooser' | 'selected'>

/** Runs of the model on sequences' tokens, one at a time. Their logits stay where tokens are chosen. */
export class Runs {
  readonly #options: RunsOptions
  readonly #exclusive: DecoderOptions['exclusive']

  /** @param exclusive As of the decoder's options; it may refuse. */
  constructor(options: RunsOptions, exclusive: DecoderOptions['exclusive']) {
    this.#options = options
    this.#exclusive = exclusive
  }

  /**
   * One token of each sequence.
   * @param isAhead Whether the tokens are those that the device chose last: they have not been read.
   */
  step(sequences: readonly Sequence[], isAhead: boolean): Promise<readonly RunLogits[]> {
    const { kv, chooser } = this.#options
    const rows = sequences.map(({ slot = 0, tokens, adapter }) => ({
      slot,
      token: tokens.at(-1) ?? 0,
      adapter,
    }))
    return this.#exclusive(async (): Promise<readonly RunLogits[]> => {
      const { device } = chooser
      if (!device || !kv.decodeInto) return kv.decode(rows, this.#logitsMode(sequences))
      const places = await kv.decodeInto(rows, {
        logits: device.logits(rows.length),
        tokens: isAhead ? device.tokens(rows.length) : undefined,
      })
      return places.map((row) => ({ row }))
    })
  }

  /** Parts of sequences, of any numbers of tokens. @returns the logits after each, where it is the last. */
  ragged(parts: readonly RaggedPart[]): Promise<readonly (RunLogits | undefined)[]> {
    const { kv, chooser } = this.#options
    const rows = parts.map(({ sequence: { slot, tokens }, count }) => {
      if (slot === undefined) throw new RangeError('A sequence without a slot cannot run')
      const before = kv.length(slot)
      return { slot, tokens: tokens.slice(before, before + count) }
    })
    return this.#exclusive(async () => {
      const { device } = chooser
      const read = await kv.ragged?.(rows, device?.logits(rows.length))
      return parts.map(({ isLast }, row) => (isLast ? (device ? { row } : read?.[row]) : undefined))
    })
  }

  /** The next `count` tokens of a prompt. @returns the logits after them where these are wanted. */
  chunk(sequence: Sequence, count: number, wantsLogits: boolean): Promise<RunLogits | undefined> {
    const { kv, chooser } = this.#options
    const { slot = 0, adapter } = sequence
    const before = kv.length(slot)
    const tokens = sequence.tokens.slice(before, before + count)
    return this.#exclusive(async () => {
      if (!wantsLogits) return kv.prefill(slot, tokens, undefined, adapter)
      // On a device all of them may stay. A CPU would have to compute them.
      if (chooser.device && kv.returnsEach) return (await this.#each(sequence, tokens)).at(-1)
      return kv.prefill(slot, tokens, this.#logitsMode([sequence]), adapter)
    })
  }

  /**
   * A sequence's last token and those that may follow it.
   * @returns What is chosen after each, as far as the tokens before it are those that were chosen.
   */
  async verify(sequence: Sequence, proposed: readonly number[]): Promise<readonly Chosen[]> {
    const lastToken = sequence.tokens.at(-1) ?? 0
    const logits = await this.#exclusive(() => this.#each(sequence, [lastToken, ...proposed]))
    if (logits.length <= proposed.length)
      throw new SpillwayError('run_failed', 'The model returned too few logits', {
        expected: `those after ${proposed.length + 1} tokens`,
        got: `${logits.length}`,
      })
    const rows = logits.map((own, at) => sequence.choiceFrom(own, at))
    return this.#options.chooser.verify(rows, proposed)
  }

  async #each({ slot = 0, adapter }: Sequence, tokens: readonly number[]): Promise<readonly RunLogits[]> {
    const { kv, chooser } = this.#options
    const { device } = chooser
    if (!device || !kv.prefillInto) return kv.prefillEach(slot, tokens, adapter)
    await kv.prefillInto(slot, tokens, (count) => device.logits(1, count), adapter)
    return tokens.map((_, row) => ({ row }))
  }

  #logitsMode(rows: readonly Sequence[]): LogitsMode {
    const { selected } = this.#options
    return rows.every((sequence) => sequence.canChooseFromTop(selected)) ? 'top' : 'all'
  }
}
