import OpenAI from 'openai'
import { afterEach, describe, expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { startForwardingServer } from '../support/forwarding-server.ts'
import {
  closeScriptedServers,
  listen,
  type ScriptedServerOptions,
  script,
} from '../support/scripted-server.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
  closeScriptedServers()
})

/** A Spillway whose model `tiny` another one writes, and OpenAI's client of it. */
async function start(options: ScriptedServerOptions = {}) {
  const engine = await listen({ text: script, ...options })
  const server = await startForwardingServer({
    urls: [`http://127.0.0.1:${engine.port}/v1`],
    model: 'scripted',
  })
  closers.push(() => server.close())
  const client = new OpenAI({ apiKey: 'none', baseURL: new URL('v1', server.url).href, maxRetries: 0 })
  return { engine, server, client }
}

const request = { model: 'tiny', input: 'ab' }

describe('a response of a model that an engine runs', () => {
  test('is the engine’s, under the model’s name here, and its tokens are counted', async () => {
    const { engine, server, client } = await start()
    const here = await client.responses.create(request)
    const there = await engine.client.responses.create({ ...request, model: 'scripted' })
    expect(here.model).toBe('tiny')
    expect([here.output_text, here.status, here.usage]).toEqual([
      there.output_text,
      there.status,
      there.usage,
    ])
    expect(server.log.at(-1)).toMatchObject({ model: 'tiny', tokens: there.usage?.output_tokens })
  })

  test('is streamed as its events, the last of which ends it', async () => {
    const { engine, server, client } = await start()
    const body = { ...request, max_output_tokens: 3, stream: true }
    const stream = await (await server.post('v1/responses', body)).text()
    expect(stream).toMatch(/^event: response\.created\ndata: \{"type":"response\.created"/)
    expect(stream).toMatch(/event: response\.incomplete\ndata: .*\n\n$/)
    expect(stream).not.toContain('scripted"')
    expect(server.log.at(-1)).toMatchObject({ end: 'finished', tokens: 3 })
    const final = await client.responses.stream(request).finalResponse()
    const whole = await engine.client.responses.create({ ...request, model: 'scripted' })
    expect(final.output_text).toBe(whole.output_text)
  })

  test('that the engine refuses is refused with its words', async () => {
    const { client } = await start()
    await expect(client.responses.create({ ...request, store: true })).rejects.toMatchObject({
      status: 400,
      code: 'not_supported',
      param: 'store',
    })
  })

  test('that breaks off ends with an error, which its client throws', async () => {
    const fail = (place: number) =>
      place > 11 ? new SpillwayError('model_output_invalid', 'Not a number') : undefined
    const { server, client } = await start({ fail })
    const read = async () => {
      let text = ''
      for await (const event of await client.responses.create({ ...request, stream: true }))
        if (event.type === 'response.output_text.delta') text += event.delta
      return text
    }
    await expect(read()).rejects.toThrow('The engine of tiny broke off')
    expect(server.log.at(-1)).toMatchObject({ end: 'error' })
  })
})
