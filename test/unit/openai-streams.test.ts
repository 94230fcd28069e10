import { describe, expect, test, vi } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import type { TextsRequest } from '../../web/openai/start-texts.ts'
import { streamTexts } from '../../web/openai/write-texts.ts'
import type { Piece } from '../../workers/host/text/types.ts'

const lost = new SpillwayError('lane_lost', 'The lane was lost')
const placement = {
  tier: 'device',
  backend: 'wasm',
  variant: 'q4',
  reason: 'device-capable',
  explanation: '',
} as const

/** A stream of one piece, whose text then breaks off. */
async function brokenStream(request: TextsRequest) {
  async function* pieces(): AsyncGenerator<Piece> {
    yield { text: 'Once', tokens: [] }
    throw lost
  }
  const result = Promise.reject(lost)
  result.catch(() => undefined)
  const choices = [{ index: 0, prompt: 0, promptTokens: [], droppedMessages: 0, pieces: pieces(), result }]
  const release = vi.fn<() => void>()
  const controller = new AbortController()
  const started = { choices, naming: undefined, placement: async () => placement }
  return { stream: await streamTexts(request, started, { controller, release }), release }
}

describe('a text that breaks off', () => {
  test('ends the stream of a response with response.failed, as the server does', async () => {
    const { stream, release } = await brokenStream({ model: 'bard', input: 'Tell', stream: true })
    const events = []
    for await (const event of stream) events.push(event)
    expect(events.at(-2)).toMatchObject({ type: 'response.output_text.delta', delta: 'Once' })
    expect(events.at(-1)).toMatchObject({
      type: 'response.failed',
      sequence_number: events.length - 1,
      response: {
        status: 'failed',
        output_text: '',
        error: { code: 'server_error', message: expect.stringContaining('The lane was lost') },
      },
    })
    expect(release).toHaveBeenCalledOnce()
  })

  test('throws in the stream of a chat', async () => {
    const messages = [{ role: 'user', content: 'Tell' } as const]
    const { stream, release } = await brokenStream({ model: 'bard', messages, stream: true })
    const read = async () => {
      for await (const _ of stream);
    }
    await expect(read()).rejects.toMatchObject({ code: 'lane_lost' })
    expect(release).toHaveBeenCalledOnce()
  })
})
