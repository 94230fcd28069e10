import type { Sampling } from '../../../models/core/sampling.ts'
import type { Logits } from './types.ts'

/** Whether the choice of a token depends on those before it. */
export const hasPenalties = ({
  repetitionPenalty = 1,
  presencePenalty = 0,
  frequencyPenalty = 0,
}: Sampling): boolean => repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0

/** Logit bias, and the penalties of tokens that came before. Without either, nothing is counted or copied. */
export class Penalties {
  readonly #repetition: number
  readonly #presence: number
  readonly #frequency: number
  readonly #bias: ReadonlyMap<number, number>
  /** How often each token of the sequence was generated; 0 for one of the prompt only. Empty without penalties. */
  readonly #seen = new Map<number, number>()
  /** The tokens of the prompt, where they are penalized. */
  readonly #prompt: ReadonlySet<number>
  readonly #counts: boolean

  constructor(sampling: Sampling, prompt: readonly number[], generated: number) {
    this.#repetition = sampling.repetitionPenalty ?? 1
    this.#presence = sampling.presencePenalty ?? 0
    this.#frequency = sampling.frequencyPenalty ?? 0
    this.#bias = new Map(
      Object.entries(sampling.logitBias ?? {}).map(([token, bias]) => [Number(token), bias]),
    )
    this.#counts = hasPenalties(sampling)
    const first = prompt.length - generated
    this.#prompt = new Set(this.#repetition === 1 ? [] : prompt.slice(0, first))
    for (const token of this.#prompt) this.#seen.set(token, 0)
    for (const token of prompt.slice(first)) this.add(token)
  }

  add(token: number): void {
    if (this.#counts) this.#seen.set(token, (this.#seen.get(token) ?? 0) + 1)
  }

  /** Takes back one `add`. */
  remove(token: number): void {
    if (!this.#counts) return
    const times = (this.#seen.get(token) ?? 0) - 1
    if (times > 0 || this.#prompt.has(token)) this.#seen.set(token, times)
    else this.#seen.delete(token)
  }

  /** Logit bias by token. */
  get bias(): ReadonlyMap<number, number> {
    return this.#bias
  }

  /** How often each token was generated, for tokens that penalties count; 0 for one of the prompt only. */
  get seen(): ReadonlyMap<number, number> {
    return this.#seen
  }

  /** Whether tokens are counted. */
  get counts(): boolean {
    return this.#counts
  }

  /** The values with bias and penalties: the same array where nothing changes, else a copy. */
  apply({ values, ids }: Logits): Float32Array {
    if (this.#bias.size === 0 && this.#seen.size === 0) return values
    const changed = values.slice()
    if (ids) {
      for (let at = 0; at < ids.length; at++) this.#change(changed, at, ids[at] ?? 0)
      return changed
    }
    for (const token of this.#bias.keys()) this.#change(changed, token, token)
    for (const token of this.#seen.keys()) if (!this.#bias.has(token)) this.#change(changed, token, token)
    return changed
  }

  #change(values: Float32Array, at: number, token: number): void {
    if (at >= values.length) return
    let value = (values[at] ?? 0) + (this.#bias.get(token) ?? 0)
    const times = this.#seen.get(token)
    if (times !== undefined) {
      value = value > 0 ? value / this.#repetition : value * this.#repetition
      if (times > 0) value -= this.#presence + times * this.#frequency
    }
    values[at] = value
  }
}
