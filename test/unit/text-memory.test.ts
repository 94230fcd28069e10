import { expect, test } from 'vitest'
import { generate } from '../../web/text/generate.ts'
import { deviceSegment } from '../../web/text/stream-segments.ts'
import { createTextGenerator } from '../../workers/host/text/text-generator.ts'
import type { TextGenerator, TextRequest } from '../../workers/host/text/types.ts'
import { createLoadedHarness } from '../support/router-harness.ts'
import { type Script, scriptedGenerator } from '../support/scripted-generator.ts'
import { tokenizerOf } from '../support/scripted-tokenizer.ts'
import { digitsManifest } from '../support/test-models.ts'

/** Places with memory for so many tokens of a text, by a model that reads 200. */
const textsWithin = (context: number, onRequest: Script['onRequest'] = () => {}): TextGenerator =>
  createTextGenerator({
    tokenizer: tokenizerOf(),
    tokens: { ...scriptedGenerator({ text: 'x'.repeat(200), onRequest }), context },
    contextLength: 200,
    vocabulary: 0x80,
    defaults: {},
    clock: { now: () => 0, after: () => () => {} },
  })

/** A text over a router whose device has memory for 50 tokens, and whose server has it for all. */
async function write(request: TextRequest, policy: 'auto' | 'device') {
  const { router, clock } = await createLoadedHarness()
  const prompts: number[] = []
  const { result } = generate(
    {
      router,
      clock,
      closing: new AbortController().signal,
      estimateSpill: () => undefined,
      wrote: () => {},
      createSegment: async ({ decision: { tier } }) =>
        deviceSegment(textsWithin(tier === 'device' ? 50 : 200, ({ prompt }) => prompts.push(prompt.length))),
    },
    digitsManifest,
    request,
    { policy },
  )
  const { placement, usage } = await result
  return { tier: placement.tier, prompts, generated: usage.generatedTokens }
}

test('a prompt that has no place in the memory here is written where it has', async () => {
  const long = { prompt: 'x'.repeat(60), maxTokens: 5 }
  expect(await write(long, 'auto')).toEqual({ tier: 'server', prompts: [60], generated: 5 })
  await expect(write(long, 'device')).rejects.toMatchObject({
    code: 'context_exceeded',
    message: expect.stringMatching(/longer than there is memory for here: expected fewer than 50 tokens/),
  })
})

test('a prompt that the device holds, or that may be cut to what it holds, stays on the device', async () => {
  expect(await write({ prompt: 'x'.repeat(40), maxTokens: 5 }, 'auto')).toMatchObject({ tier: 'device' })
  const cut = { prompt: 'x'.repeat(60), maxTokens: 5, truncation: 'start' } as const
  expect(await write(cut, 'auto')).toEqual({ tier: 'device', prompts: [45], generated: 5 })
})
