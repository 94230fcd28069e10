/** Texts with a form that begin on the device and go on at a server, by its protocol. */
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { noHeaders } from '../../web/remote/request-headers.ts'
import { serverSegment } from '../../web/text/stream-segments.ts'
import type { GenerateRequest } from '../../web/text/tools.ts'
import { scriptedModel } from '../support/scripted-model.ts'
import { closeScriptedServers, listen, scriptedManifest } from '../support/scripted-server.ts'

afterEach(closeScriptedServers)

const schema = {
  type: 'object',
  properties: { at: { enum: ['sea', 'land'] }, days: { type: 'integer', minimum: 1, maximum: 9 } },
  required: ['at', 'days'],
  additionalProperties: false,
} as const
const messages = [{ role: 'user', content: 'ab' }] as const
const output = { reasoning: { open: '<think>', close: '</think>' }, tools: 'hermes' } as const

/** The text of a device that is lost after so many tokens, and the number of tokens that the server wrote. */
async function write(request: GenerateRequest, answer: string, lostAfter: number) {
  const reply = () => answer
  let prompt = Number.POSITIVE_INFINITY
  let written = 0
  const { port } = await listen({ reply, output, onRequest: ({ maxTokens }) => (written = maxTokens) })
  const model = scriptedModel({
    reply,
    output,
    onRequest: (asked) => {
      prompt = asked.prompt.length
    },
    fail: (place) =>
      place - prompt >= lostAfter ? new SpillwayError('lane_lost', 'The device is lost') : undefined,
    elsewhere: serverSegment(
      new URL(`http://127.0.0.1:${port}`),
      { manifest: scriptedManifest },
      systemClock,
      noHeaders,
    ),
  })
  const tiers = new Set<string>()
  const stream = model.generate({ ...request, maxTokens: 200 })
  for await (const { placement } of stream) tiers.add(placement.tier)
  return { ...(await stream.result), tiers: [...tiers], written }
}

test.each([4, 15, 45])(
  'a text keeps its schema and its thought when it moves after %i tokens',
  async (at) => {
    const text = '<think>\nIs {it} "so"?\n</think>\n\n{"at": "sea", "days": 0}'
    const format = { type: 'json_schema', schema } as const
    const result = await write({ messages, format }, text, at)
    expect(result).toMatchObject({ reasoning: 'Is {it} "so"?', finish: 'stop', tiers: ['device', 'server'] })
    expect(result.written).toBe(200 - at)
    expect(JSON.parse(result.text)).toEqual({ at: 'sea', days: expect.toSatisfy((days) => days >= 1) })
  },
)

test.each([4, 40])('a call that must be made is made when the text moves after %i tokens', async (at) => {
  const tools = { look: { parameters: schema }, other: {} }
  const request = { messages, tools, toolChoice: { name: 'look' } } as const
  const { text, toolCalls, tiers } = await write(request, '<tool_call> no', at)
  expect([text, tiers]).toEqual(['', ['device', 'server']])
  expect(toolCalls).toMatchObject([{ function: { name: 'look' } }])
  expect(JSON.parse(toolCalls?.[0]?.function.arguments ?? '')).toEqual({
    at: expect.stringMatching(/sea|land/),
    days: expect.any(Number),
  })
})
