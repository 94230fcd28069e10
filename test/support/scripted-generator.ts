import { AsyncQueue } from '../../models/async/async-queue.ts'
import { SpillwayError } from '../../models/core/index.ts'
import type { TokenGenerator, TokenResult } from '../../workers/host/text/types.ts'
import type { GeneratedToken, TokenRequest } from '../../workers/protocol/generation.ts'

export interface Script {
  /** What every sequence says: its token at place n is the nth character, prompt and all. */
  readonly text: string
  /** What a sequence fails with before its nth character. */
  readonly fail?: (place: number, request: TokenRequest) => SpillwayError | undefined
  /** Told of each request as it comes. */
  readonly onRequest?: (request: TokenRequest) => void
}

/** A generator of characters that a test wrote, one a turn of the event loop. */
export function scriptedGenerator({ text, fail = () => undefined, onRequest }: Script): TokenGenerator {
  const characters = [...text]
  let running = 0
  return {
    executedOn: { backend: 'cpu', variant: 'scripted' },
    get load() {
      return { slots: 4, running, waiting: 0, kvUsage: 0 }
    },
    generate: (request, { signal } = {}) => {
      onRequest?.(request)
      let left = false
      const tokens = new AsyncQueue<readonly GeneratedToken[]>(() => {
        left = true
      })
      const result = (async (): Promise<TokenResult> => {
        running++
        try {
          for (let made = 0; ; made++) {
            await new Promise(setImmediate)
            const place = request.prompt.length + made
            if (signal?.aborted) throw new SpillwayError('aborted', 'The request was aborted')
            const failure = fail(place, request)
            if (failure) throw failure
            const token = characters[place]?.codePointAt(0)
            const finish =
              token === undefined || left ? 'stop' : made === request.maxTokens ? 'length' : undefined
            if (finish)
              return { finish, cachedTokens: 0, timings: { queueMs: 1, firstTokenMs: 2, perTokenMs: 3 } }
            tokens.push([{ token: token ?? 0 }])
          }
        } finally {
          running--
        }
      })()
      result.then(
        () => tokens.end(),
        (error) => tokens.fail(error),
      )
      return { result, [Symbol.asyncIterator]: () => tokens[Symbol.asyncIterator]() }
    },
  }
}
