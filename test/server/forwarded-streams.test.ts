import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { deferred } from '../support/deferred.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { defaultPieces } from '../support/openai-upstream.ts'
import { chat, eventsOf, startForwarding as start, text, textOf } from '../support/start-forwarding.ts'

describe('a stream of an engine', () => {
  /** The events of a stream, one at each call. */
  const readerOf = (answer: Response) => {
    const reader = (answer.body ?? expect.fail()).getReader()
    const decoder = new TextDecoder()
    return async () => {
      const { value } = await reader.read()
      return value && decoder.decode(value)
    }
  }

  test.each([{ failAfter: 3 }, { cutAfter: 3 }, { endAfter: 3 }])(
    'that breaks off ends with an error: %o',
    async (behaviour) => {
      const { server, engine } = await start()
      const { promise: isRead, resolve: read } = deferred<void>()
      engine.behave = () => ({ ...behaviour, beforeEvent: (index) => (index === 3 ? isRead : undefined) })
      const answer = await server.post('v1/chat/completions', { ...chat, stream: true })
      let stream = ''
      for await (const part of answer.body ?? []) {
        stream += Buffer.from(part)
        if (stream.includes('upon')) read()
      }
      expect(textOf(stream)).toBe('Once upon')
      expect(eventsOf(stream).at(-1)).toMatchObject({
        error: { code: 'server_draining', retry_after_ms: 1_000 },
      })
      expect(stream).not.toContain('data: [DONE]')
      expect(server.log.at(-1)).toMatchObject({ end: 'error', code: 'server_draining', tokens: 2 })
    },
  )

  test('is passed on event by event, as each comes', async () => {
    const { server, engine } = await start()
    const gates = Array.from({ length: 8 }, () => deferred<void>())
    engine.behave = () => ({ beforeEvent: (index) => gates[index]?.promise })
    gates[0]?.resolve()
    const next = readerOf(await server.post('v1/chat/completions', { ...chat, stream: true }))
    expect(await next()).toContain('"role":"assistant"')
    for (const [index, piece] of defaultPieces.entries()) {
      gates[index + 1]?.resolve()
      expect(await next()).toContain(JSON.stringify(piece))
    }
  })

  test('is closed at once when its client leaves', async () => {
    const { server, engine } = await start()
    engine.behave = () => ({ hangAfter: 3 })
    const leaving = new AbortController()
    const answer = await fetch(new URL('v1/chat/completions', server.url), {
      method: 'POST',
      body: JSON.stringify({ ...chat, stream: true }),
      signal: leaving.signal,
    })
    await readerOf(answer)()
    expect(engine.seen[0]?.isLeft).toBe(false)
    leaving.abort()
    await expect.poll(() => engine.seen[0]?.isLeft).toBe(true)
    await expect.poll(() => server.log.at(-1)).toMatchObject({ end: 'client_left', code: 'aborted' })
  })

  test('that has not begun is closed at once when its client leaves', async () => {
    const { server, engine } = await start()
    engine.behave = () => ({ hangAfter: 0 })
    const leaving = new AbortController()
    const asked = fetch(new URL('v1/chat/completions', server.url), {
      method: 'POST',
      body: JSON.stringify(chat),
      signal: leaving.signal,
    })
    await expect.poll(() => engine.seen.length).toBe(1)
    leaving.abort()
    await expect(asked).rejects.toThrow()
    await expect.poll(() => engine.seen[0]?.isLeft).toBe(true)
  })

  test('is read no faster than its client reads', async () => {
    const piece = 'x'.repeat(100_000)
    const { server, engine } = await start({ pieces: new Array(400).fill(piece) })
    const client = connect(Number(server.url.port), '127.0.0.1')
    const body = JSON.stringify({ ...chat, stream: true })
    client.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    client.pause()
    const sent = () => engine.seen[0]?.sent ?? 0
    let before = -1
    const grown = () => {
      const more = sent() - before
      before = sent()
      return before > 0 ? more : -1
    }
    // The buffers of both connections fill up; then nothing moves.
    await expect.poll(grown, { interval: 200 }).toBe(0)
    expect(sent()).toBeLessThan(20_000_000)
    client.destroy()
    await expect.poll(() => engine.seen[0]?.isLeft).toBe(true)
  })

  test('ends at its deadline', async () => {
    const { server, engine } = await start({}, { timeoutMs: 300 })
    engine.behave = () => ({ hangAfter: 3 })
    const stream = await (await server.post('v1/chat/completions', { ...chat, stream: true })).text()
    expect(eventsOf(stream).at(-1)).toMatchObject({ error: { code: 'deadline_exceeded' } })
    engine.behave = () => ({ hangAfter: 0 })
    const whole = await server.post('v1/chat/completions', chat)
    expect([whole.status, (await whole.json()).error.code]).toEqual([503, 'deadline_exceeded'])
    await expect.poll(() => engine.seen.map(({ isLeft }) => isLeft)).toEqual([true, true])
  })

  test('that is silent in its middle is given up', async () => {
    const clock = createManualClock()
    const { server, engine } = await start({}, { clock })
    engine.behave = () => ({ hangAfter: 3 })
    const begun = await server.post('v1/chat/completions', { ...chat, stream: true })
    let stream = ''
    for await (const part of begun.body ?? []) {
      stream += Buffer.from(part)
      if (stream.includes('upon')) clock.advance(60_000)
    }
    expect(eventsOf(stream).at(-1)).toMatchObject({ error: { code: 'server_draining' } })
  })

  test('has its status, and comments, while it waits for its first event', async () => {
    const clock = createManualClock()
    const { server, engine } = await start({}, { clock })
    engine.behave = () => ({ hangAfter: 0 })
    const waiting = server.post('v1/chat/completions', { ...chat, stream: true })
    await expect.poll(() => engine.seen.length).toBe(1)
    clock.advance(1_000)
    const reader = (await waiting).body?.getReader()
    clock.advance(10_000)
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe(': still there\n\n')
    await reader?.cancel()
  })

  test('is handed over to other servers when this one shuts down', async () => {
    const { server, engine } = await start()
    engine.behave = () => ({ hangAfter: 3 })
    const answer = await server.post('v1/chat/completions', { ...chat, stream: true })
    let stream = ''
    for await (const part of answer.body ?? []) {
      stream += Buffer.from(part)
      if (stream.includes('upon')) server.handOver()
    }
    expect(eventsOf(stream).at(-1)).toMatchObject({
      error: { code: 'server_draining', message: expect.stringContaining('The server is shutting down') },
    })
  })

  test('leaves its connection to the next request', async () => {
    const { server, engine } = await start()
    for (let index = 0; index < 5; index++)
      await (await server.post('v1/chat/completions', { ...chat, stream: true })).text()
    expect(engine.connections).toBe(1)
  })
})

describe('several replicas of an engine', () => {
  test.each([
    ['cuts the connection', { cutAfter: 0 }],
    ['cuts the stream', { headersFirst: true, cutAfter: 0 }],
    ['is full', { status: 503, headers: { 'retry-after-ms': '0' } }],
    ['fails', { status: 500 }],
    ['sends an error event', { failAfter: 0, headersFirst: true }],
  ] as const)('stand in for one that %s before its first event', async (_name, behaviour) => {
    const { server, engines } = await start({}, { replicas: 2 })
    for (const stream of [true, false]) {
      let asked = 0
      for (const engine of engines) {
        engine.behave = () => (asked++ === 0 ? behaviour : {})
      }
      const answer = await server.post('v1/chat/completions', { ...chat, stream })
      expect(answer.status).toBe(200)
      expect(stream ? textOf(await answer.text()) : (await answer.json()).choices[0].message.content).toBe(
        text,
      )
    }
  })

  test('get the prompts that begin alike, each its own', async () => {
    const { server, engines } = await start({}, { replicas: 3 })
    const system = { role: 'system', content: 'You are brief.' }
    const users = Array.from({ length: 12 }, (_, index) => ({ role: 'user', content: `Question ${index}` }))
    for (const user of users)
      for (const later of [
        [],
        [
          { role: 'assistant', content: 'a' },
          { role: 'user', content: 'b' },
        ],
      ])
        await (
          await server.post('v1/chat/completions', { ...chat, messages: [system, user, ...later] })
        ).text()
    const asked = engines.map(({ seen }) => seen.map(({ body }) => /Question \d+/.exec(body)?.[0]))
    for (const questions of asked) {
      expect(questions.length).toBeGreaterThan(0)
      // Both requests of a chat are here.
      expect(questions.length).toBe(2 * new Set(questions).size)
    }
  })
})
