import { expect, test } from 'vitest'
import { byteLetters } from '../../models/core/byte-letters.ts'
import type { GenerationSpec } from '../../models/core/language.ts'
import type { Sampling } from '../../models/core/sampling.ts'
import type { SequenceScheduler } from '../../workers/host/text/sequence-scheduler.ts'
import type { TokenFormat } from '../../workers/protocol/generation.ts'
import type { DraftRequest } from '../../workers/protocol/lane.ts'
import type { Stories } from '../support/stories.ts'
import { bytesOf, greedy, request, tokensOf } from './token-requests.ts'

export interface ProposalSubject {
  generator(): SequenceScheduler
  /** One over a session of its own, with a draft model where one is given. */
  open(draft?: DraftRequest): Promise<SequenceScheduler>
  readonly context: number
  readonly stories: Stories
  /** Chooses between many tokens and few, by the backend's speed. */
  length(many: number, few: number): number
}

/** A list whose names a text has no choice but to spell, for a vocabulary with a token for each byte from the third on. */
const records: TokenFormat = {
  format: {
    type: 'json_schema',
    schema: {
      type: 'array',
      items: {
        type: 'object',
        properties: { name: { enum: ['left', 'right'] }, kept: { type: 'boolean' } },
        required: ['name', 'kept'],
      },
    },
  },
  vocabulary: Array.from({ length: 512 }, (_, token) => byteLetters[token - 3] ?? '').join('\n'),
}

const penalties: Sampling = { repetitionPenalty: 1.1, presencePenalty: 0.3, frequencyPenalty: 0.4 }

/** Proposals that are verified in one run change no text. */
export function proposalContract({ generator, open, context, stories, length }: ProposalSubject): void {
  const { cases, reference } = stories

  test('gives a text that repeats itself the same tokens, alone and beside another', async () => {
    const passage = reference.tokens.slice(0, length(60, 24))
    const count = length(40, 6)
    const seeded = { temperature: 0.4, seed: 3 }
    // A session keeps the first vocabulary that it is given.
    const proposing = await open()
    for (const more of [{ sampling: greedy }, { sampling: seeded }, { sampling: seeded, format: records }]) {
      const quoting = request([...passage, ...passage.slice(0, 6)], count, more)
      const alone = await tokensOf(proposing, quoting)
      // Several sequences in a step are decoded token by token.
      const other = tokensOf(proposing, request(cases[0]?.prompt ?? [], 2 * count))
      expect(await tokensOf(proposing, quoting)).toEqual(alone)
      await other
    }
  })

  test('gives the same tokens where each depends on how often those before it came', async () => {
    // Three tokens come in turns, and where they are drawn, those that came less often: a wrong count changes which.
    const few = reference.tokens.slice(1, 4)
    const logitBias = Object.fromEntries(few.map((token, at) => [token, 3_000 - 30 * at]))
    const counted = { ...penalties, frequencyPenalty: 100, logitBias }
    const count = length(40, 10)
    const proposing = await open()
    for (const sampling of [greedy, { temperature: 30, seed: 5 }]) {
      const turns = request([...few, ...few, ...few, ...few], count, {
        sampling: { ...sampling, ...counted },
      })
      const alone = await tokensOf(proposing, turns)
      const other = tokensOf(proposing, request(cases[0]?.prompt ?? [], 2 * count))
      expect(await tokensOf(proposing, turns)).toEqual(alone)
      await other
    }
  })

  test('gives the same tokens with a draft model, and without one that does not run', async () => {
    const { prompt = [] } = cases[2] ?? {}
    const count = length(40, 6)
    const seeded = { temperature: 0.7, seed: 11 }
    const samplings = [greedy, seeded, { ...greedy, ...penalties }]
    const texts = samplings.map((sampling) => request(prompt, count, { sampling }))
    const expected = await Promise.all(texts.map((text) => tokensOf(generator(), text)))
    const { generation: small } = stories.draft.manifest
    if (!small) throw new Error('The draft generates no text')
    const draftOf = (kv: GenerationSpec['kv']) => ({
      model: 'draft',
      source: { from: 'bytes', graph: bytesOf(stories.draft.graph), external: [] } as const,
      spec: { ...small, context, kv },
      kvType: 'float32' as const,
    })
    for (const kv of [small.kv, { ...small.kv, headDim: 2 * small.kv.headDim }]) {
      const drafting = await open(draftOf(kv))
      for (const [index, text] of texts.entries())
        expect(await tokensOf(drafting, text)).toEqual(expected[index])
      // Beside others, every text gets its tokens one by one.
      const together = await Promise.all(texts.map((text) => tokensOf(drafting, text)))
      expect(together).toEqual(expected)
    }
  })
}
