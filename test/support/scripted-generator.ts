import { abortedBy } from '../../models/async/abort.ts'
import { AsyncQueue } from '../../models/async/async-queue.ts'
import { SpillwayError } from '../../models/core/index.ts'
import type { TokenGenerator, TokenResult } from '../../workers/host/text/types.ts'
import type { GeneratedToken, TokenRequest } from '../../workers/protocol/generation.ts'
import { type HeldScript, holdScript } from './scripted-format.ts'

export interface Script {
  /**
   * The text of every sequence, prompt included: the nth token is its nth character, and 0 past its end. Where a format
   * does not allow it, the next token by number comes that is allowed.
   */
  readonly text: string
  /** The tokens of every sequence in place of the text's characters. */
  readonly tokens?: readonly number[]
  /** The answer to a prompt, of characters both, in place of the text. */
  readonly reply?: (prompt: string) => string
  /** The error with which a sequence fails before its nth character. */
  readonly fail?: (place: number, request: TokenRequest) => SpillwayError | undefined
  /** Called with each accepted request. */
  readonly onRequest?: (request: TokenRequest) => void
}

export const scriptedContext = 1_000_000
export const scriptedVocabulary = 0x110000

/**
 * Stands in for a language model: a `TokenGenerator` that gives the characters of a text, one a turn of the event loop.
 * It meets the same contract as the real one (test/contract/token-generator.ts).
 */
export function scriptedGenerator({
  text,
  tokens: fixed = charactersOf(text),
  reply,
  fail = () => undefined,
  onRequest,
}: Script): TokenGenerator {
  let running = 0
  return {
    executedOn: { backend: 'cpu', variant: 'scripted' },
    get load() {
      return { slots: 4, running, waiting: 0, kvUsage: 0 }
    },
    generate: (request, { signal, deadlineMs = Number.POSITIVE_INFINITY } = {}) => {
      const askedAt = performance.now()
      const { prompt, generated, maxTokens, stopTokens } = request
      const original = prompt.slice(0, prompt.length - generated)
      const script = reply ? [...original, ...charactersOf(reply(String.fromCodePoint(...original)))] : fixed
      const limit = Math.min(maxTokens, scriptedContext - prompt.length)
      let hasLeft = false
      const tokens = new AsyncQueue<readonly GeneratedToken[]>(() => {
        hasLeft = true
      })
      const write = async (): Promise<TokenResult> => {
        const refusal = signal?.aborted ? abortedBy(signal) : refusalOf(request)
        if (refusal) throw refusal
        let held: HeldScript | undefined
        onRequest?.(request)
        running++
        try {
          held = await holdScript(request)
          for (let made = 0; ; made++) {
            await new Promise(setImmediate)
            const place = prompt.length + made
            if (signal?.aborted) throw abortedBy(signal)
            if (performance.now() - askedAt >= deadlineMs) throw late()
            const failure = fail(place, request)
            if (failure) throw failure
            if (hasLeft) return resultOf('stop')
            if (made === limit) return resultOf('length')
            if (held?.isEnd) return resultOf('stop')
            const scripted = script[place] ?? 0
            const token = held?.choose(scripted) ?? scripted
            if (stopTokens.includes(token)) return resultOf('stop')
            tokens.push([{ token }])
            if (made + 1 < limit) await held?.goOn(token)
          }
        } finally {
          held?.close()
          running--
        }
      }
      const result = write()
      result.then(
        () => tokens.end(),
        (error) => tokens.fail(error),
      )
      return { result, [Symbol.asyncIterator]: () => tokens[Symbol.asyncIterator]() }
    },
  }
}

const charactersOf = (text: string) => [...text].map((character) => character.codePointAt(0) ?? 0)

const resultOf = (finish: TokenResult['finish']): TokenResult => ({
  finish,
  cachedTokens: 0,
  timings: { queueMs: 1, firstTokenMs: 2, perTokenMs: 3 },
})

const late = () => new SpillwayError('deadline_exceeded', 'The sequence did not end in time')

function refusalOf({ prompt, maxTokens }: TokenRequest): SpillwayError | undefined {
  if (prompt.length < 1 || prompt.length >= scriptedContext)
    return new SpillwayError('context_exceeded', 'The prompt does not fit the context')
  const isToken = (token: number) => Number.isInteger(token) && token >= 0 && token < scriptedVocabulary
  if (maxTokens >= 1 && prompt.every(isToken)) return undefined
  return new SpillwayError('input_value_invalid', 'The sequence cannot be continued')
}
