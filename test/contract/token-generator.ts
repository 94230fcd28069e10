import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../models/core/index.ts'
import type { TokenGenerator, TokenStream } from '../../workers/host/text/types.ts'
import type { TokenFormat, TokenRequest } from '../../workers/protocol/generation.ts'

export interface TokenGeneratorSubject {
  /** Called in each test. */
  generator(): TokenGenerator
  readonly prompt: readonly number[]
  /** The tokens that follow the prompt where the likeliest is always taken: at least eight. */
  readonly continuation: readonly number[]
}

/** Three tokens of every vocabulary as letters. The others are no text. */
const pieces: readonly string[] = Array.from(
  { length: 12 },
  (_, token) => ({ 5: 'a', 7: 'b', 9: 'c' })[token] ?? '',
)
const letters = { abc: [5, 7, 9], abb: [5, 7, 7] }

const held = (format: TokenFormat['format'], forbidden: readonly number[] = []): TokenFormat => ({
  format,
  vocabulary: pieces.join('\n'),
  forbidden,
})
const choices = (...choice: string[]) => held({ type: 'choice', choice })

/** The behaviour of every `TokenGenerator`, whatever model is behind it. */
export function tokenGeneratorContract(name: string, subject: TokenGeneratorSubject): void {
  const { prompt, continuation } = subject
  const requestOf = (change: Partial<TokenRequest> = {}): TokenRequest => ({
    prompt,
    generated: 0,
    maxTokens: 4,
    stopTokens: [],
    sampling: { temperature: 0 },
    ...change,
  })
  const endless = () => requestOf({ maxTokens: 400 })
  const read = async (stream: TokenStream) => {
    const tokens: number[] = []
    for await (const made of stream) tokens.push(...made.map(({ token }) => token))
    return tokens
  }
  const expectFailure = async (stream: TokenStream, code: ErrorCode) => {
    await expect(read(stream)).rejects.toMatchObject({ code })
    await expect(stream.result).rejects.toMatchObject({ code })
  }
  const isIdle = () =>
    expect.poll(() => subject.generator().load, { interval: 5 }).toMatchObject({ running: 0 })

  describe(`${name} is a token generator`, () => {
    test('gives as many tokens as asked for, then ends by length', async () => {
      const stream = subject.generator().generate(requestOf())
      expect(await read(stream)).toEqual(continuation.slice(0, 4))
      expect(await stream.result).toMatchObject({
        finish: 'length',
        cachedTokens: expect.any(Number),
        timings: { queueMs: expect.any(Number), firstTokenMs: expect.any(Number) },
      })
      await isIdle()
    })

    test('ends before a stop token, which it does not give', async () => {
      const stop = continuation[3] ?? -1
      const stream = subject.generator().generate(requestOf({ maxTokens: 8, stopTokens: [stop] }))
      expect(await read(stream)).toEqual(continuation.slice(0, continuation.indexOf(stop)))
      expect(await stream.result).toMatchObject({ finish: 'stop' })
    })

    test('continues a sequence that was generated in part elsewhere', async () => {
      const elsewhere = continuation.slice(0, 3)
      const request = requestOf({ prompt: [...prompt, ...elsewhere], generated: 3 })
      expect(await read(subject.generator().generate(request))).toEqual(continuation.slice(3, 7))
    })

    test('holds its tokens to a format, also from the middle of a text', async () => {
      const made = subject
        .generator()
        .generate(requestOf({ maxTokens: 8, stopTokens: [1], format: choices('abc', 'abb') }))
      const tokens = await read(made)
      expect([letters.abc, letters.abb]).toContainEqual(tokens)
      expect(await made.result).toMatchObject({ finish: 'stop' })
      const elsewhere = tokens.slice(0, 2)
      const moved = requestOf({
        prompt: [...prompt, ...elsewhere],
        generated: 2,
        stopTokens: [1],
        format: choices('abc', 'abb'),
      })
      expect(await read(subject.generator().generate(moved))).toEqual(tokens.slice(2))
      const another = subject.generator().generate({ ...moved, format: choices('ca') })
      await expectFailure(another, 'input_value_invalid')
    })

    test('holds its tokens to a form in parts, without those that are forbidden', async () => {
      const begun = { type: 'tag', begin: 'a', content: { type: 'any_text' }, end: 'b' } as const
      const parts: TokenFormat['format'] = {
        type: 'sequence',
        elements: [begun, { type: 'choice', choice: ['aa', 'cb'] }],
      }
      // Its beginning is not chosen: any text may be long.
      const request = requestOf({ prompt: [...prompt, 5, 9, 7], generated: 3, maxTokens: 8, stopTokens: [1] })
      const made = subject.generator().generate({ ...request, format: held(parts, [9]) })
      expect(await read(made)).toEqual([5, 5])
      expect(await made.result).toMatchObject({ finish: 'stop' })
      const other = subject.generator().generate({ ...request, format: held(parts, [5]) })
      expect(await read(other)).toEqual([9, 7])
    })

    test('settles its result though nobody reads the tokens', async () => {
      expect(await subject.generator().generate(requestOf()).result).toMatchObject({ finish: 'length' })
    })

    test('has one reader', async () => {
      const stream = subject.generator().generate(requestOf())
      await read(stream)
      await expect(read(stream)).rejects.toThrow(TypeError)
    })

    test('frees the slot when its reader leaves, and settles its result', async () => {
      const stream = subject.generator().generate(endless())
      for await (const _ of stream) break
      await Promise.allSettled([stream.result])
      await isIdle()
    })

    test('rejects loop and result when its signal aborts, before and after the first token', async () => {
      await expectFailure(subject.generator().generate(endless(), { signal: AbortSignal.abort() }), 'aborted')
      const controller = new AbortController()
      const stream = subject.generator().generate(endless(), { signal: controller.signal })
      const reading = (async () => {
        for await (const _ of stream) controller.abort()
      })()
      await expect(reading).rejects.toMatchObject({ code: 'aborted' })
      await expect(stream.result).rejects.toMatchObject({ code: 'aborted' })
      await isIdle()
    })

    test('rejects loop and result at its deadline', async () => {
      await expectFailure(subject.generator().generate(endless(), { deadlineMs: 1 }), 'deadline_exceeded')
      await isIdle()
    })

    test.each<[string, Partial<TokenRequest>, ErrorCode]>([
      ['an empty prompt', { prompt: [] }, 'context_exceeded'],
      ['a prompt as long as the context', { prompt: new Array(2_000_000).fill(1) }, 'context_exceeded'],
      ['a token outside of the vocabulary', { prompt: [-1] }, 'input_value_invalid'],
      ['no new tokens', { maxTokens: 0 }, 'input_value_invalid'],
    ])('refuses %s through the stream', (_what, change, code) =>
      expectFailure(subject.generator().generate(requestOf(change)), code),
    )
  })
}
