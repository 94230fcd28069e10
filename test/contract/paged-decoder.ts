import { describe, expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import type { Decoder } from '../../workers/lane/decode/decoder.ts'
import type { SequenceEvent } from '../../workers/protocol/lane.ts'

export interface PagedDecoderSubject {
  /** A decoder of stories260k with its keys and values in blocks, which may take so many tokens. */
  open(tokens: number): Promise<Decoder>
  /** Prompts, and the tokens that follow where the likeliest is always taken. */
  readonly cases: readonly { readonly prompt: readonly number[]; readonly tokens: readonly number[] }[]
}

const closed = new SpillwayError('lane_lost', 'The test is over')

interface Text {
  readonly tokens: number[]
  cachedTokens: number
  error?: unknown
}

/** The behaviour of a decoder over blocks, whatever runs its graph. */
export function pagedDecoderContract({ open, cases }: PagedDecoderSubject): void {
  const decode = async (decoder: Decoder, prompts: readonly (readonly number[])[], maxTokens: number) => {
    let most = 0
    const texts = prompts.map((): Text => ({ tokens: [], cachedTokens: 0 }))
    decoder.add(
      prompts.map((prompt, id) => ({
        id,
        request: { prompt, generated: 0, maxTokens, stopTokens: [], sampling: { temperature: 0 } },
      })),
    )
    let left = prompts.length
    while (left > 0) {
      for (const event of (await decoder.takeEvents()).events) {
        take(texts[event.id], event)
        if (event.finish ?? event.error) left--
      }
      most = Math.max(most, decoder.load.kvUsage)
    }
    return { texts, usage: most }
  }
  const using = (name: string, tokens: number, use: (decoder: Decoder) => Promise<void>) =>
    test(name, async () => {
      const decoder = await open(tokens)
      try {
        await use(decoder)
      } finally {
        decoder.close(closed)
      }
    })
  const expected = (count: number) => cases.map(({ tokens }) => tokens.slice(0, count))
  const prompts = cases.map(({ prompt }) => prompt)

  describe('gives the texts of the published model', () => {
    using('together', 8_192, async (decoder) => {
      const { texts } = await decode(decoder, prompts, 40)
      expect(texts.map(({ tokens }) => tokens)).toEqual(expected(40))
    })
    using('with one beginning, whose blocks they all hold', 8_192, async (decoder) => {
      const once = cases.flatMap(({ prompt, tokens }) => [...prompt, ...tokens])
      const beginning = [...once, ...once].slice(0, 400)
      const several = Array.from({ length: 16 }, (_, text) => [...beginning, 300 + text])
      const { texts, usage } = await decode(decoder, several, 8)
      const blocks = Math.floor(beginning.length / 32)
      expect(texts.map(({ cachedTokens }) => cachedTokens)).toEqual([0, ...Array(15).fill(32 * blocks)])
      // A fifth of what they would take by themselves.
      const apart = 16 * Math.ceil((beginning.length + 1 + 8) / 32)
      expect((usage * 8_192) / 32).toBeLessThanOrEqual(0.2 * apart)
      const other = await open(8_192)
      const alone = await decode(other, [several[7] ?? []], 8)
      other.close(closed)
      expect(alone.texts[0]?.tokens).toEqual(texts[7]?.tokens)
      // What they left is found again, and so is what one of them went on with.
      const again = await decode(decoder, [[...(several[3] ?? []), ...(texts[3]?.tokens ?? [])]], 8)
      expect(again.texts[0]?.cachedTokens).toBeGreaterThanOrEqual(32 * blocks)
    })
    using('where there is memory for about two of them at once', 160, async (decoder) => {
      const { texts } = await decode(decoder, prompts, 40)
      expect(texts.map(({ tokens }) => tokens)).toEqual(expected(40))
    })
  })
}

function take(text: Text | undefined, { tokens, cachedTokens, error }: SequenceEvent): void {
  if (!text) return
  text.tokens.push(...tokens.map(({ token }) => token))
  if (cachedTokens !== undefined) text.cachedTokens = cachedTokens
  if (error) text.error = error
}
