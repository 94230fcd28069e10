import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { forwardedManifest, startForwardingServer } from '../support/forwarding-server.ts'
import { defaultPieces } from '../support/openai-upstream.ts'
import { isAlive, startServer, type TestServer } from '../support/server.ts'
import { createServerPage } from '../support/server-page.ts'
import { eventsOf, startForwarding, text } from '../support/start-forwarding.ts'

const tiny = forwardedManifest('tiny')
const messages = [{ role: 'user', content: 'Tell me' }] as const

describe('a page’s text of a model that an engine runs', () => {
  const closers: (() => void)[] = []
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })
  const openPage = (server: URL) => {
    const page = createServerPage(server)
    closers.push(() => page.close())
    return page
  }

  test.each(['vllm', 'llama.cpp', 'openai'] as const)(
    'comes from %s, without a tokenizer',
    async (flavour) => {
      const { server } = await startForwarding({ flavour })
      const pieces: string[] = []
      const result = await openPage(server.url).generate(tiny, { messages }, (piece) =>
        pieces.push(piece.text),
      )
      expect(pieces).toEqual(defaultPieces)
      expect(result).toMatchObject({ text, finish: 'stop', placement: { tier: 'server' } })
      expect(result.usage).toMatchObject({ promptTokens: 9 })
    },
  )

  test.each([{ cutAfter: 3 }, { endAfter: 3 }, { failAfter: 3 }])(
    'goes on at another replica, from its last token, where one breaks off: %o',
    async (behaviour) => {
      const { server, engines } = await startForwarding({}, { replicas: 2 })
      let upon = () => {}
      const isRead = new Promise<void>((resolve) => {
        upon = resolve
      })
      let asked = 0
      for (const engine of engines)
        engine.behave = () =>
          asked++ === 0 ? { ...behaviour, beforeEvent: (index) => (index === 3 ? isRead : undefined) } : {}
      const result = await openPage(server.url).generate(tiny, { messages }, (piece) => {
        if (piece.text === ' upon') upon()
      })
      expect(result).toMatchObject({ text, tokens: [100, 101, 102, 103, 104], finish: 'stop' })
      const bodies = engines.flatMap(({ seen }) => seen.map(({ body }) => JSON.parse(body)))
      expect(bodies).toHaveLength(2)
      expect(bodies.find(({ prompt }) => prompt)).toMatchObject({
        prompt: [1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 101],
        max_tokens: null,
      })
    },
  )
})

describe('a page’s embeddings of a model that an engine runs', () => {
  const vectors = forwardedManifest('vectors', 'feature-extraction')
  const embed = async (
    server: URL,
    options: Partial<Parameters<ReturnType<typeof createServerPage>['embed']>[2]> = {},
  ) => {
    const page = createServerPage(server)
    return page.embed(vectors, ['a fox', 'a wood'], options).finally(() => page.close())
  }

  test('come from it, which gets the texts', async () => {
    const { server, engine } = await startForwarding()
    const vectors = [0, 1].map((first) => Float32Array.of(first, 0.1, -1e-7))
    expect(await embed(server.url)).toMatchObject({
      embeddings: vectors,
      promptTokens: 6,
      placements: [{ tier: 'server' }, { tier: 'server' }],
    })
    expect(JSON.parse(engine.seen[0]?.body ?? '')).toMatchObject({ input: ['a fox', 'a wood'] })
  })

  test('fail as the engine does, as invalid, or at their deadline', async () => {
    const { server, engine } = await startForwarding()
    engine.behave = () => ({ status: 400, message: 'Too many words' })
    await expect(embed(server.url)).rejects.toMatchObject({
      code: 'request_malformed',
      message: expect.stringContaining('Too many words'),
    })
    engine.behave = () => ({ body: '{"data":[]}' })
    await expect(embed(server.url)).rejects.toMatchObject({ code: 'server_response_invalid' })
    engine.behave = () => ({ hangAfter: 0 })
    await expect(embed(server.url, { deadlineMs: 100 })).rejects.toMatchObject({ code: 'deadline_exceeded' })
    const signal = AbortSignal.timeout(50)
    await expect(embed(server.url, { signal })).rejects.toMatchObject({ code: 'aborted' })
    await expect.poll(() => engine.seen.slice(2).every(({ isLeft }) => isLeft)).toBe(true)
  })
})

describe('a Spillway in front of two others', () => {
  let replicas: TestServer[]
  let front: Awaited<ReturnType<typeof startForwardingServer>>
  beforeAll(async () => {
    replicas = await Promise.all([startServer(), startServer()])
    front = await startForwardingServer({
      urls: replicas.map(({ url }) => new URL('v1', url).href),
      model: 'bard',
    })
  })
  afterAll(async () => {
    front?.close()
    await Promise.all(replicas?.filter(({ pid }) => isAlive(pid)).map((server) => server.stop()) ?? [])
  })
  /** A request's texts, with their tokens and log probabilities. Tokens share events as they come. */
  const ask = async (base: URL, body: object) => {
    const answer = await fetch(new URL('v1/completions', base), {
      method: 'POST',
      body: JSON.stringify(body),
    })
    const answered = await answer.text()
    const parts = 'stream' in body ? eventsOf(answered) : [JSON.parse(answered)]
    const texts: Record<number, unknown[]> = {}
    for (const { choices } of parts)
      for (const { index, text, token_ids: ids = [], logprobs, finish_reason: finish } of choices) {
        const { token_logprobs: values = [], text_offset: offsets = [] } = logprobs ?? {}
        const written = texts[index] ?? ['']
        texts[index] = [
          `${written[0]}${text}`,
          ...written.slice(1),
          ...ids,
          ...values,
          ...offsets,
          finish ?? [],
        ].flat()
      }
    const { usage, system_fingerprint: fingerprint } = parts.at(-1)
    return { texts: Object.values(texts).map((one) => one.map(String).sort()), usage, fingerprint }
  }

  test('gives the texts that they give, seed for seed', async () => {
    const direct = replicas[0]?.url ?? expect.fail()
    const sampled = { temperature: 1, top_k: 20, max_tokens: 24, logprobs: 2, n: 2, return_token_ids: true }
    const streamed = { stream: true, stream_options: { include_usage: true } }
    for (const seed of [1, 2, 3])
      for (const more of [{}, streamed]) {
        const request = { ...sampled, prompt: 'Once upon a time', seed, ...more }
        const [here, there] = await Promise.all([
          ask(front.url, { ...request, model: 'tiny' }),
          ask(direct, { ...request, model: 'bard' }),
        ])
        expect(here.texts).toHaveLength(2)
        expect(here).toEqual(there)
      }
  })

  test('goes on with a page’s text when the one that writes it is killed', async () => {
    const page = createServerPage(front.url)
    const request = { prompt: 'Once upon a time', maxTokens: 200, temperature: 0 }
    const whole = await page.generate(tiny, request, () => {})
    let killed: TestServer | undefined
    const result = await page.generate(tiny, request, () => {
      if (killed) return
      killed = replicas.find(({ url }) => front.inFlight(url) > 0) ?? expect.fail('no replica writes it')
      process.kill(killed.pid, 'SIGKILL')
    })
    page.close()
    expect(result.tokens).toEqual(whole.tokens)
    expect(result.text).toBe(whole.text)
  })
})
