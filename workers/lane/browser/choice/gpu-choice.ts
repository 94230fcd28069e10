import type { Sampling } from '../../../../models/core/sampling.ts'
import { noiseAt } from '../../sampling/noise.ts'
import type { Penalties } from '../../sampling/penalties.ts'
import type { Choice } from '../../sampling/types.ts'
import { flag, parameterWords, seenBit } from './kernel-layout.ts'

/** A sequence's part of a buffer of tables. */
export interface Table {
  readonly index: number
  free(): void
}

/** A sequence whose tokens are chosen on the GPU. */
export class GpuChoice implements Choice {
  readonly sampling: Sampling
  readonly #penalties: Penalties
  /** Undefined until its first token is chosen, and where it has neither bias nor penalties. */
  table: Table | undefined
  /** Tokens whose counts the table does not have. */
  readonly #recounted = new Set<number>()

  constructor(sampling: Sampling, penalties: Penalties) {
    this.sampling = sampling
    this.#penalties = penalties
  }

  get needsTable(): boolean {
    return this.#penalties.counts || this.#penalties.bias.size > 0
  }

  recount(gone: readonly number[], come: readonly number[]): void {
    if (!this.#penalties.counts) return
    for (const token of gone) this.#penalties.remove(token)
    for (const token of come) this.#penalties.add(token)
    for (const token of [...gone, ...come]) this.#recounted.add(token)
  }

  /** The kernel has chosen a token, and counted it. */
  noteChosen(token: number): void {
    this.#penalties.add(token)
  }

  /** The words of its table that are no longer as the kernel left them, by token. Each is given once. */
  takeRecounted(vocabulary: number): readonly (readonly [token: number, word: number])[] {
    const tokens = [...this.#recounted].filter((token) => token < vocabulary)
    this.#recounted.clear()
    return tokens.map((token) => [token, countWord(this.#penalties.seen.get(token))])
  }

  /** Counts by token, then bias by token, as the kernel reads them. It counts what it chooses by itself. */
  tableWords(vocabulary: number): Uint32Array<ArrayBuffer> {
    const words = new Uint32Array(2 * vocabulary)
    const bias = new Float32Array(words.buffer, 4 * vocabulary)
    for (const [token, value] of this.#penalties.bias) if (token < vocabulary) bias[token] = value
    for (const [token, times] of this.#penalties.seen) if (token < vocabulary) words[token] = countWord(times)
    this.#recounted.clear()
    return words
  }

  /** Writes the row's parameters at its place. */
  writeParameters(
    row: number,
    to: ArrayBuffer,
    { logitsRow, token, position, result, mask, proposed, vocabulary }: RowPlaces,
  ): void {
    const words = new Uint32Array(to, 4 * parameterWords * row, parameterWords)
    const floats = new Float32Array(to, 4 * parameterWords * row, parameterWords)
    const { temperature = 1, topK, topP = 1, minP = 0, seed = 0, logprobs } = this.sampling
    const { repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0 } = this.sampling
    const { keys } = noiseAt(seed, position)
    const penalties = this.#penalties
    words[0] = logitsRow
    words[1] =
      (penalties.counts ? flag.counts : 0) |
      (penalties.bias.size > 0 ? flag.bias : 0) |
      (mask === undefined ? 0 : flag.mask) |
      (minP > 0 ? flag.minP : 0) |
      (penalties.counts && !proposed ? flag.adds : 0)
    words[2] = 2 * vocabulary * (this.table?.index ?? 0)
    words[3] = mask ?? 0
    floats[4] = temperature
    words[5] = Math.min(topK ?? 0, vocabulary)
    floats[6] = topP
    floats[7] = -temperature * Math.log(minP)
    floats[8] = repetitionPenalty
    floats[9] = presencePenalty
    floats[10] = frequencyPenalty
    words[11] = keys[0]
    words[12] = keys[1]
    words[13] = logprobs === undefined ? 0 : 1 + Math.min(logprobs, vocabulary)
    words[14] = result
    words[15] = token
    words[16] = proposed?.at ?? 0
    words[17] = proposed?.count ?? 0
  }

  close(): void {
    this.table?.free()
    this.table = undefined
  }
}

export interface RowPlaces {
  /** The row of its logits. */
  readonly logitsRow: number
  /** Where its token goes, for the next run. */
  readonly token: number
  readonly position: number
  /** The word of its result. */
  readonly result: number
  /** The word of its mask; undefined where all tokens are allowed. */
  readonly mask: number | undefined
  /** The words of the tokens that are proposed before it; undefined where the row's token is counted at once. */
  readonly proposed: { readonly at: number; readonly count: number } | undefined
  readonly vocabulary: number
}

/** A token's count as the kernel reads it. */
const countWord = (times: number | undefined) => (times === undefined ? 0 : seenBit + times)
