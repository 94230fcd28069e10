import { SpillwayError } from '../../../models/core/index.ts'
import type { TokenFormat } from '../../protocol/generation.ts'
import type { Formats } from '../format/formats.ts'
import type { Sequence } from './sequence.ts'

export interface PreparingOptions {
  /** Absent where the realm starts no workers for formats. */
  readonly formats: Formats | undefined
  readonly onReady: (sequence: Sequence) => void
  readonly onFailure: (sequence: Sequence, cause: unknown) => void
}

/** Sequences whose formats are compiled, while others are decoded. */
export class PreparingSequences {
  readonly #options: PreparingOptions
  #sequences: Sequence[] = []

  constructor(options: PreparingOptions) {
    this.#options = options
  }

  get all(): readonly Sequence[] {
    return this.#sequences
  }

  async add(sequence: Sequence, format: TokenFormat): Promise<void> {
    const { formats, onReady, onFailure } = this.#options
    const { stopTokens, prompt, generated } = sequence.request
    this.#sequences.push(sequence)
    try {
      if (!formats) throw withoutFormats()
      sequence.format = await formats.hold(format, stopTokens, prompt.slice(prompt.length - generated))
    } catch (cause) {
      if (this.remove(sequence)) onFailure(sequence, cause)
      return
    }
    if (this.remove(sequence) && !sequence.isCancelled) onReady(sequence)
    else sequence.format.close()
  }

  /** @returns Whether it was here. */
  remove(sequence: Sequence): boolean {
    const before = this.#sequences.length
    this.#sequences = this.#sequences.filter((other) => other !== sequence)
    return this.#sequences.length < before
  }
}

const withoutFormats = () =>
  new SpillwayError('not_supported', 'Texts cannot be held to a format here', {
    expected: 'a lane that starts workers',
  })
