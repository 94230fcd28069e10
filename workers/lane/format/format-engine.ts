import type { CompiledGrammar, GrammarCompiler, GrammarMatcher } from '@mlc-ai/web-xgrammar'
import { SpillwayError } from '../../../models/core/index.ts'
import type { AnswerForm } from '../../protocol/answer-form.ts'
import { compileFormat } from './compile-format.ts'
import type { GrammarLibrary } from './load-xgrammar.ts'
import type { Allowed, OpenFormat, Vocabulary } from './messages.ts'

/** Compiled formats that are kept for later texts. */
const keptFormats = 16

interface HeldText {
  readonly matcher: GrammarMatcher
  readonly stopTokens: readonly number[]
  readonly forbidden: readonly number[]
}

/** Holds texts of one model to their formats, by xgrammar. */
export class FormatEngine {
  readonly #library: GrammarLibrary
  readonly #compiler: GrammarCompiler
  readonly #size: number
  /** By their text as JSON; those used last come last. */
  readonly #compiled = new Map<string, CompiledGrammar>()
  readonly #texts = new Map<number, HeldText>()

  private constructor(library: GrammarLibrary, compiler: GrammarCompiler, size: number) {
    this.#library = library
    this.#compiler = compiler
    this.#size = size
  }

  static async create(library: GrammarLibrary, { pieces, size }: Vocabulary): Promise<FormatEngine> {
    const { TokenizerInfo, GrammarCompiler } = library.xgrammar
    // One token more than the model has: the end of texts whose model has no tokens for it.
    const info = await TokenizerInfo.createTokenizerInfo(pieces.split('\n'), 'byte_level', false, size + 1, [
      size,
    ])
    return new FormatEngine(library, await GrammarCompiler.createGrammarCompiler(info, false), size)
  }

  /** @throws SpillwayError `input_value_invalid` for a format that cannot be met, or was not met so far. */
  async open(text: number, { format, stopTokens, forbidden, tokens }: OpenFormat): Promise<Allowed> {
    this.close(text)
    const compiled = await this.#compile(format)
    const stops = stopTokens.length > 0 ? [...stopTokens] : [this.#size]
    const matcher = await this.#library.xgrammar.GrammarMatcher.createGrammarMatcher(compiled, stops)
    this.#texts.set(text, { matcher, stopTokens: stops, forbidden })
    for (const token of tokens) this.#accept(matcher, token)
    return this.#allowed(text)
  }

  /** The text goes on with this token. @throws SpillwayError as `open`. */
  async next(text: number, token: number): Promise<Allowed> {
    this.#accept(this.#find(text).matcher, token)
    return this.#allowed(text)
  }

  close(text: number): void {
    this.#texts.get(text)?.matcher.dispose()
    this.#texts.delete(text)
  }

  #accept(matcher: GrammarMatcher, token: number): void {
    if (matcher.acceptToken(token)) return
    throw new SpillwayError('input_value_invalid', 'The text so far does not have the format', {
      got: `the token ${token} where it does not fit`,
    })
  }

  #find(text: number): HeldText {
    const held = this.#texts.get(text)
    if (held) return held
    throw new SpillwayError('internal', `No text ${text} is held to a format`)
  }

  async #allowed(text: number): Promise<Allowed> {
    const { matcher, stopTokens, forbidden } = this.#find(text)
    const mask = await matcher.getNextTokenBitmask()
    clearFrom(mask, this.#size + 1)
    if (canEnd(matcher, stopTokens)) for (const token of stopTokens) set(mask, token)
    for (const token of forbidden) clear(mask, token)
    let stops = 0
    for (const token of stopTokens) if (isAllowed(mask, token)) stops++
    const count = countOf(mask, stops + 1)
    if (count > 0) return { mask, isEnd: count === stops }
    throw new SpillwayError('input_value_invalid', 'The format allows no token of the model here', {
      expected: 'a format that some text has',
      got: 'one that no text can have, or none of these tokens',
    })
  }

  async #compile(format: AnswerForm): Promise<CompiledGrammar> {
    const key = JSON.stringify(format)
    const known = this.#compiled.get(key)
    const compiled = known ?? (await this.#compileNew(format))
    this.#compiled.delete(key)
    this.#compiled.set(key, compiled)
    for (const [oldest, unused] of this.#compiled) {
      if (this.#compiled.size <= keptFormats) break
      this.#compiled.delete(oldest)
      // Matchers of it have a share of it.
      unused.dispose()
    }
    return compiled
  }

  async #compileNew(format: AnswerForm): Promise<CompiledGrammar> {
    const { xgrammar, takeFault } = this.#library
    takeFault()
    try {
      return await compileFormat(xgrammar, this.#compiler, format)
    } catch (cause) {
      const got = takeFault()
      if (got === undefined) throw cause
      throw new SpillwayError('input_value_invalid', 'The format cannot be used', {
        expected: 'a format that the grammar engine reads',
        got,
        param: 'format',
      })
    }
  }
}

/** The engine leaves bits past the last token as they come. */
function clearFrom(mask: Int32Array, size: number): void {
  const last = size >> 5
  if (last < mask.length) mask[last] = (mask[last] ?? 0) & ((1 << (size & 31)) - 1)
}

/** Where all text is allowed, the engine leaves the end out of its mask. */
function canEnd(matcher: GrammarMatcher, [stop = 0]: readonly number[]): boolean {
  const isAccepted = matcher.acceptToken(stop)
  if (isAccepted) matcher.rollBack(1)
  return isAccepted
}

function set(mask: Int32Array, token: number): void {
  mask[token >> 5] = (mask[token >> 5] ?? 0) | (1 << (token & 31))
}

function clear(mask: Int32Array, token: number): void {
  mask[token >> 5] = (mask[token >> 5] ?? 0) & ~(1 << (token & 31))
}

const isAllowed = (mask: Int32Array, token: number) => (((mask[token >> 5] ?? 0) >>> (token & 31)) & 1) === 1

/** How many bits are set, up to `most`. */
function countOf(mask: Int32Array, most: number): number {
  let count = 0
  for (let at = 0; at < mask.length && count < most; at++) {
    for (let word = mask[at] ?? 0; word !== 0; word &= word - 1) count++
  }
  return count
}
