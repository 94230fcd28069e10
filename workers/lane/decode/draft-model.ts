import { messageOf, SpillwayError } from '../../../models/core/index.ts'
import type { Chosen } from '../sampling/types.ts'
import type { DecoderOptions } from './decoder-options.ts'
import { mostRead } from './next-chunk.ts'
import { Runs, type RunsOptions } from './runs.ts'
import { Sequence } from './sequence.ts'

export interface DraftModelOptions extends RunsOptions {
  /** Its id. */
  readonly model: string
  /** The most tokens that it can attend to. */
  readonly context: number
}

/**
 * A small model that guesses how one text goes on. It draws with the text's own noise, so where the two models' logits
 * agree, so do their tokens. Its keys and values follow the text: what was proposed and did not come is forgotten.
 */
export class DraftModel {
  readonly #options: DraftModelOptions
  readonly #runs: Runs
  /** Its own view of the text that it wrote last. */
  #text: Sequence | undefined
  /** Once it has failed, it is not asked again. */
  #hasFailed = false

  /** @param exclusive As of the decoder's options; it may refuse. */
  constructor(options: DraftModelOptions, exclusive: DecoderOptions['exclusive']) {
    this.#options = options
    this.#runs = new Runs(options, exclusive)
  }

  /** How many tokens it can guess of a text. */
  most({ tokens }: Sequence): number {
    return this.#hasFailed ? 0 : Math.max(0, this.#options.context - tokens.length)
  }

  /**
   * The next `count` tokens of a text, as it would write them; none while it has more to read of the text than a step may
   * wait for.
   * @throws SpillwayError `lane_lost`. Other failures end its work: texts go on without it.
   */
  async propose(sequence: Sequence, count: number): Promise<readonly number[]> {
    try {
      const text = this.#follow(sequence)
      return (await this.#catchUp(text)) ? await this.#write(text, count) : []
    } catch (cause) {
      if (cause instanceof SpillwayError && cause.code === 'lane_lost') throw cause
      this.#hasFailed = true
      // biome-ignore lint/suspicious/noConsole: Nothing fails, so no error would tell a developer why texts are slower.
      console.warn(`spillway: ${this.#options.model} drafts no more: ${messageOf(cause)}`)
      return []
    }
  }

  /** Gives memory back. */
  shrink(): void {
    const { kv } = this.#options
    this.#forget()
    kv.resize({ slots: 1, capacity: Math.min(mostRead, this.#options.context) }, [])
  }

  close(): void {
    this.#forget()
    this.#options.chooser.close()
    this.#options.kv.dispose()
  }

  #forget(): void {
    this.#text?.close()
    this.#text = undefined
    this.#options.kv.truncate(0, 0)
  }

  /** The text with the tokens that came. The slot keeps what they begin with, also of another text. */
  #follow({ id, request, tokens }: Sequence): Sequence {
    const { kv, chooser, context } = this.#options
    const held = this.#text?.tokens ?? []
    let shared = 0
    const most = Math.min(kv.length(0), tokens.length - 1)
    while (shared < most && held[shared] === tokens[shared]) shared++
    kv.truncate(0, shared)
    // A text that is new here begins with its prompt, which another may have had as well.
    if (this.#text?.id !== id) {
      this.#text?.close()
      const sampling = { ...request.sampling, logprobs: undefined }
      this.#text = new Sequence(id, { ...request, sampling, format: undefined }, context, chooser)
      this.#text.slot = 0
    }
    this.#text.follow(tokens)
    return this.#text
  }

  /** Reads what is new but for the last token, or as much as a step may wait for. @returns whether that is all. */
  async #catchUp(text: Sequence): Promise<boolean> {
    const { kv, context } = this.#options
    const needed = Math.min(context, text.tokens.length + mostAhead)
    if (needed > kv.shape.capacity)
      kv.resize({ slots: 1, capacity: Math.min(context, 2 ** Math.ceil(Math.log2(needed))) }, [0])
    const unread = text.tokens.length - 1 - kv.length(0)
    const most = Math.min(mostRead, kv.mostTokens ?? mostRead)
    if (unread > 0) await this.#runs.chunk(text, Math.min(unread, most), false)
    return unread <= most
  }

  /** On a device, each step takes the token that the last one chose there: all are read at the end. */
  async #write(text: Sequence, count: number): Promise<readonly number[]> {
    const { chooser } = this.#options
    const known = text.tokens.length
    const ahead: Promise<readonly Chosen[]>[] = []
    for (let at = 0; at < count; at++) {
      const [logits] = await this.#runs.step([text], ahead.length > 0)
      if (!logits) break
      const chosen = chooser.choose([text.choiceFrom(logits, ahead.length)])
      // One that fails is reported where it is read; those after it are not read.
      chosen.catch(() => {})
      if (chooser.device) ahead.push(chosen)
      else text.tokens.push(tokenOf((await chosen)[0]))
    }
    for (const chosen of ahead) text.tokens.push(tokenOf((await chosen)[0]))
    return text.tokens.slice(known)
  }
}

/** Room for what it writes at a time. */
const mostAhead = 16

function tokenOf(chosen: Chosen | undefined): number {
  if (chosen && 'token' in chosen) return chosen.token
  throw chosen ?? new SpillwayError('run_failed', 'The draft model chose no token')
}
