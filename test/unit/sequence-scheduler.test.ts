import { describe, expect, test } from 'vitest'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import { SequenceScheduler } from '../../workers/host/text/sequence-scheduler.ts'
import { createTextGenerator } from '../../workers/host/text/text-generator.ts'
import type { TokenRequest } from '../../workers/protocol/generation.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { tokenizerOf } from '../support/scripted-tokenizer.ts'

/** A lane that generates the alphabet, one letter a step, for as long as it is asked. */
function alphabetLane() {
  const cancelled: number[] = []
  let letter = 0
  const lane: Pick<Lane, 'addSequences' | 'cancelSequences' | 'takeEvents'> = {
    addSequences: async () => {},
    cancelSequences: async (_session, ids) => {
      cancelled.push(...ids)
    },
    takeEvents: async () => {
      await new Promise(setImmediate)
      const load = { slots: 1, running: 1, waiting: 0, kvUsage: 0 }
      return { events: [{ id: 1, tokens: [{ token: 97 + letter++ }] }], load }
    },
  }
  return { lane: lane as Lane, cancelled }
}

function create() {
  const { lane, cancelled } = alphabetLane()
  const clock = createManualClock()
  const tokens = new SequenceScheduler({
    session: 'alphabet',
    spec: {
      context: 1_000,
      vocabulary: 1_000,
      stopTokens: [],
      kv: { layers: 1, heads: 1, headDim: 1 },
    },
    lease: async () => ({ lane, release: () => {} }),
    executedOn: { backend: 'cpu', variant: 'fp32' },
    slots: 1,
    maxWaiting: 10,
    clock,
  })
  const text = createTextGenerator({
    tokenizer: tokenizerOf(),
    tokens,
    vocabulary: 0x80,
    contextLength: 1_000,
    defaults: {},
    clock,
  })
  return { tokens, text, cancelled }
}

const request: TokenRequest = { prompt: [1], generated: 0, maxTokens: 26, stopTokens: [], sampling: {} }

describe('a sequence whose reader leaves', () => {
  test('resolves as stop, and frees its slot', async () => {
    const { tokens, cancelled } = create()
    const stream = tokens.generate(request)
    for await (const _ of stream) break
    expect(await stream.result).toMatchObject({ finish: 'stop' })
    expect(cancelled).toEqual([1])
    expect(tokens.load).toMatchObject({ running: 0, waiting: 0 })
  })

  test('lets a text end at its stop string', async () => {
    const { text, cancelled } = create()
    const stream = text.generate({ prompt: 'x', stop: 'd' })
    let read = ''
    for await (const piece of stream) read += piece.text
    expect(read).toBe('abc')
    expect(await stream.result).toMatchObject({ text: 'abc', finish: 'stop' })
    expect(cancelled).toEqual([1])
  })
})
