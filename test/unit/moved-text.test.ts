import { describe, expect, test } from 'vitest'
import { type Policy, SpillwayError } from '../../models/core/index.ts'
import { changePolicy, type TextPolicy } from '../../web/placement/text-policy.ts'
import { generate, type PlacedPiece } from '../../web/text/generate.ts'
import { deviceSegment } from '../../web/text/stream-segments.ts'
import { createTextGenerator } from '../../workers/host/text/text-generator.ts'
import { createHarness, createLoadedHarness, type Harness } from '../support/router-harness.ts'
import { scriptedGenerator } from '../support/scripted-generator.ts'
import { tokenizerOf } from '../support/scripted-tokenizer.ts'
import { digitsManifest } from '../support/test-models.ts'

const story = 'Once there was a fox who went into the wood. The end of it.'
const prompt = 'Once'

/** Writes the story over a router; `at` is called before each of its characters. */
async function write(
  { router, clock }: Pick<Harness, 'router' | 'clock'>,
  textPolicy: TextPolicy,
  at: (place: number) => SpillwayError | undefined,
) {
  const generator = () =>
    createTextGenerator({
      tokenizer: tokenizerOf(),
      tokens: scriptedGenerator({ text: story, fail: at }),
      contextLength: 200,
      vocabulary: 0x80,
      defaults: {},
      clock,
    })
  const stream = generate(
    {
      router,
      clock,
      closing: new AbortController().signal,
      estimateSpill: () => undefined,
      wrote: () => {},
      createSegment: async () => deviceSegment(generator()),
    },
    digitsManifest,
    { prompt },
    { policy: textPolicy.current, textPolicy },
  )
  const pieces: PlacedPiece[] = []
  for await (const piece of stream) pieces.push(piece)
  const textAt = (tier: string) =>
    pieces
      .filter(({ placement }) => placement.tier === tier)
      .map(({ text }) => text)
      .join('')
  return { text: pieces.map(({ text }) => text).join(''), device: textAt('device'), server: textAt('server') }
}

const textPolicyOf = (current: Policy): TextPolicy => ({ current })

/** Changes the policy before the nth character of the text. */
const changing = (textPolicy: TextPolicy, changes: Readonly<Record<number, Policy>>) => (place: number) => {
  const policy = changes[place]
  if (policy) changePolicy(textPolicy, policy)
  return undefined
}

describe('a text whose policy changes while it is written', () => {
  test('goes on from its last token where the new policy has it, there and back', async () => {
    const policy = textPolicyOf('device')
    const written = await write(
      await createLoadedHarness(),
      policy,
      changing(policy, { 17: 'server', 29: 'prefer-device' }),
    )
    expect(prompt + written.text).toBe(story)
    // The place that writes a token as the policy changes hands it over.
    expect(written.server).toBe(story.slice(18, 30))
  })

  test('stays where it is where the new policy has that place, too', async () => {
    const policy = textPolicyOf('server')
    const written = await write(
      await createLoadedHarness(),
      policy,
      changing(policy, { 10: 'auto', 20: 'prefer-server' }),
    )
    expect(written).toEqual({ text: story.slice(prompt.length), device: '', server: written.text })
  })

  test('fails over under the policy that it has by then', async () => {
    const policy = textPolicyOf('server')
    let hasFailed = false
    const written = await write(await createLoadedHarness(), policy, (place) => {
      if (place === 12) changePolicy(policy, 'prefer-server')
      if (place !== 20 || hasFailed) return undefined
      hasFailed = true
      return new SpillwayError('server_unreachable', 'The server is gone')
    })
    expect(prompt + written.text).toBe(story)
    expect(written.device).toBe(story.slice(20))
  })

  test('goes on as before where the new policy leaves no tier', async () => {
    const policy = textPolicyOf('device')
    const harness = createHarness(digitsManifest, { remote: null })
    await harness.run('device')
    const refused: unknown[] = []
    const written = await write(harness, policy, (place) => {
      if (place !== 10) return undefined
      try {
        changePolicy(policy, 'server')
      } catch (cause) {
        refused.push(cause)
      }
      return undefined
    })
    expect(prompt + written.device).toBe(story)
    expect(refused).toMatchObject([{ code: 'server_absent' }])
    expect(policy.current).toBe('device')
  })
})
