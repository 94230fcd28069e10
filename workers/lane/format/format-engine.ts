import type { CompiledGrammar, GrammarCompiler, GrammarMatcher } from '@mlc-ai/web-xgrammar'
import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { AnswerForm } from '../../protocol/answer-form.ts'
import { compileFormat } from './compile-format.ts'
import { forcedToken } from './forced-token.ts'
import type { GrammarLibrary } from './load-xgrammar.ts'
import type { Allowed, FormatStep, LikelyToken, OpenFormat, Outlook, Vocabulary } from './messages.ts'
import { clear, clearFrom, countBits, isSet, set } from './token-mask.ts'

/** Compiled formats that are kept for later texts. */
const keptFormats = 16

/** Milliseconds after which no further token is looked at: what may come next is waited for. */
const longestLookMs = 20

interface HeldText {
  readonly matcher: GrammarMatcher
  readonly stopTokens: readonly number[]
  readonly forbidden: readonly number[]
}

/** Holds texts of one model to their formats, by xgrammar. */
export class FormatEngine {
  readonly #library: GrammarLibrary
  readonly #compiler: GrammarCompiler
  readonly #pieces: readonly string[]
  readonly #size: number
  readonly #clock: Clock
  /** By their text as JSON; those used last come last. */
  readonly #compiled = new Map<string, CompiledGrammar>()
  readonly #texts = new Map<number, HeldText>()

  private constructor(
    library: GrammarLibrary,
    compiler: GrammarCompiler,
    pieces: readonly string[],
    size: number,
    clock: Clock,
  ) {
    this.#library = library
    this.#compiler = compiler
    this.#pieces = pieces
    this.#size = size
    this.#clock = clock
  }

  static async create(library: GrammarLibrary, vocabulary: Vocabulary, clock: Clock): Promise<FormatEngine> {
    const { TokenizerInfo, GrammarCompiler } = library.xgrammar
    const { size } = vocabulary
    const pieces = vocabulary.pieces.split('\n')
    // One token more than the model has: the end of texts whose model has no tokens for it.
    const info = await TokenizerInfo.createTokenizerInfo(pieces, 'byte_level', false, size + 1, [size])
    const compiler = await GrammarCompiler.createGrammarCompiler(info, false)
    return new FormatEngine(library, compiler, pieces, size, clock)
  }

  /** @throws SpillwayError `input_value_invalid` for a format that the engine cannot read. */
  async open(text: number, { format, stopTokens, forbidden }: OpenFormat): Promise<void> {
    this.close(text)
    const compiled = await this.#compile(format)
    const stops = stopTokens.length > 0 ? [...stopTokens] : [this.#size]
    const matcher = await this.#library.xgrammar.GrammarMatcher.createGrammarMatcher(compiled, stops)
    this.#texts.set(text, { matcher, stopTokens: stops, forbidden })
  }

  /** @throws SpillwayError `input_value_invalid` for a format that cannot be met, or that the tokens do not have. */
  async next(text: number, { tokens, proposed, most }: FormatStep): Promise<Outlook> {
    const held = this.#find(text)
    for (const token of tokens) this.#accept(held.matcher, token)
    const allowed = await this.#allowed(held)
    if (!allowed) throw noneLeft()
    const likely = await this.#follow(held, allowed, Math.min(most, proposed.length), (_, at) => proposed[at])
    if (likely.length > 0) return { allowed, path: likely, isForced: false }
    const forced = await this.#follow(held, allowed, most, ({ mask }) =>
      forcedToken(mask, this.#pieces, held.matcher.findJumpForwardString()),
    )
    return { allowed, path: forced, isForced: true }
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

  /**
   * Goes on from token to token, as long as they are allowed and the text does not end with them, and then back again.
   * @param next The token to try, `at` tokens ahead.
   */
  async #follow(
    held: HeldText,
    allowed: Allowed,
    most: number,
    next: (allowed: Allowed, at: number) => number | undefined,
  ): Promise<LikelyToken[]> {
    const { matcher, stopTokens } = held
    const until = this.#clock.now() + longestLookMs
    const path: LikelyToken[] = []
    let tried = 0
    let last: Allowed | undefined = allowed
    while (path.length < most && this.#clock.now() < until) {
      const token = next(last, path.length)
      if (token === undefined || stopTokens.includes(token) || !isSet(last.mask, token)) break
      if (!matcher.acceptToken(token)) break
      tried++
      last = await this.#allowed(held)
      if (!last || last.isEnd) break
      path.push({ token, allowed: last })
    }
    if (tried > 0) matcher.rollBack(tried)
    return path
  }

  /** Undefined where no token is allowed. */
  async #allowed({ matcher, stopTokens, forbidden }: HeldText): Promise<Allowed | undefined> {
    const mask = await matcher.getNextTokenBitmask()
    clearFrom(mask, this.#size + 1)
    if (canEnd(matcher, stopTokens)) for (const token of stopTokens) set(mask, token)
    for (const token of forbidden) clear(mask, token)
    let stops = 0
    for (const token of stopTokens) if (isSet(mask, token)) stops++
    const count = countBits(mask, stops + 1)
    return count > 0 ? { mask, isEnd: count === stops } : undefined
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

/** Where all text is allowed, the engine leaves the end out of its mask. */
function canEnd(matcher: GrammarMatcher, [stop = 0]: readonly number[]): boolean {
  const isAccepted = matcher.acceptToken(stop)
  if (isAccepted) matcher.rollBack(1)
  return isAccepted
}

const noneLeft = () =>
  new SpillwayError('input_value_invalid', 'The format allows no token of the model here', {
    expected: 'a format that some text has',
    got: 'one that no text can have, or none of these tokens',
  })
