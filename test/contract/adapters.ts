import { expect, test } from 'vitest'
import type { TokenGenerator } from '../../workers/host/text/types.ts'
import type { AdaptedStories } from '../support/adapted-stories.ts'
import { read, request } from './token-requests.ts'

export interface AdaptersSubject {
  /** The model with its adapters. */
  open(): Promise<TokenGenerator>
  /** A greedy text of the model itself. */
  readonly base: Pick<AdaptedStories['cases'][number], 'prompt' | 'tokens'>
  /** Texts of models merged with each adapter. */
  readonly adapted: AdaptedStories['cases']
  /** How many tokens of each text are compared. */
  readonly length: number
}

/** Sequences of a model and its adapters, together in each step. */
export function adaptersContract({ open, base, adapted, length }: AdaptersSubject): void {
  test('gives each sequence the tokens and logits of a model merged with its adapter, others beside it', async () => {
    const generator = await open()
    const texts = [{ adapter: 0, ...base }, ...adapted]
    const sampling = { temperature: 0, logprobs: 5 }
    const asked = texts.map(({ adapter, prompt }) =>
      generator.generate(request(prompt, length, { adapter, sampling })),
    )
    const together = await Promise.all(asked.map(read))
    for (const [index, { tokens }] of texts.entries())
      expect(together[index]?.map(({ token }) => token)).toEqual(tokens.slice(0, length))
    for (const [index, { logits }] of adapted.entries()) {
      const sum = Math.log(logits.reduce((all, logit) => all + Math.exp(logit), 0))
      for (const { token, logprob } of together[index + 1]?.[0]?.top ?? [])
        expect(Math.abs(logprob - ((logits[token] ?? Number.NaN) - sum))).toBeLessThan(1e-4)
    }
    // Only sequences of one adapter share what slots hold.
    for (const { result } of asked) expect((await result).cachedTokens).toBe(0)
    for (const { adapter, prompt, tokens } of adapted.filter(({ prompt }) => prompt.length > 16)) {
      const again = generator.generate(request(prompt, length, { adapter }))
      expect((await read(again)).map(({ token }) => token)).toEqual(tokens.slice(0, length))
      expect((await again.result).cachedTokens).toBe(prompt.length - 1)
    }
    const unknown = generator.generate(request(base.prompt, 1, { adapter: 3 }))
    await expect(unknown.result).rejects.toMatchObject({ code: 'input_value_invalid' })
  })
}
