import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { createAccess } from '../../server/auth/access.ts'
import { Keys } from '../../server/auth/keys.ts'
import { admitBy } from '../../server/auth/limits/limit-requests.ts'
import { RateLimits } from '../../server/auth/limits/rate-limits.ts'
import { createMemoryStore } from '../../server/auth/limits/rate-store.ts'
import { Tokens } from '../../server/auth/tokens.ts'
import { createAddressOf } from '../../server/http/caller.ts'
import { bearer, testKey } from '../support/keys-file.ts'
import { listen } from '../support/listen.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { processLane } from '../support/process-lane.ts'
import { startTestApp } from '../support/test-app.ts'

const origin = 'https://shop.example'
const backend = testKey('backend', { limits: { requestsPerMinute: 1_000 } })
const frugal = testKey('frugal', { limits: { requestsPerMinute: 2 } })
const shop = testKey('shop', { origins: [origin] })

const body = JSON.stringify({
  inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0) }],
})
const digits = 'v2/models/digits/infer'

/** A server whose lane runs nothing until it is opened, as it is served and without what refuses early. */
async function start(hasKeys: boolean) {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const startLane = () => {
    const lane = processLane(systemClock)
    return { ...lane, run: (...args: Parameters<typeof lane.run>) => opened.then(() => lane.run(...args)) }
  }
  const lines: Record<string, unknown>[] = []
  const keys = new Keys([backend.entry, frugal.entry, shop.entry])
  const tokens = new Tokens({ secret: undefined, seconds: 600 })
  const store = createMemoryStore()
  const app = await startTestApp({
    startLane,
    maxQueued: 1,
    // The server refuses all the time: no second passes.
    clock: createManualClock(),
    log: pino({}, { write: (line) => void lines.push(JSON.parse(line)) }),
    ...(hasKeys && {
      access: createAccess(keys, tokens),
      origins: keys.origins,
      limit: admitBy(new RateLimits(store), { key: {}, address: {} }, createAddressOf('')),
    }),
  })
  let reached = 0
  const fetchOfApp: typeof app.fetch = (...args) => {
    reached++
    return app.fetch(...args)
  }
  const servers = {
    early: await listen({ fetch: fetchOfApp }, app.options),
    app: await listen({ fetch: fetchOfApp }),
  }
  const counts = async () => {
    const text = await app.options.metrics.registry.metrics()
    const counted = text.match(
      /^(?:spillway_refusals_total|nv_inference_request_failure|http_server_request_duration_seconds_count)\{.*/gm,
    )
    return new Map(counted?.map((line) => line.split(/ (?=\d+$)/)).map(([name, n]) => [name, Number(n)]))
  }
  /** Sends a request, and tells everything of its answer, its log line and its metrics. */
  const ask = async (to: keyof typeof servers, headers: Record<string, string>, path = digits) => {
    const before = { counts: await counts(), reached, lines: lines.length }
    const answer = await fetch(new URL(path, servers[to].url), { method: 'POST', headers, body })
    const text = await answer.text()
    const { time: _time, ...line } = lines.slice(before.lines).find(({ msg }) => msg === 'request') ?? {}
    const changed = [...(await counts())].filter(([name, count]) => count !== (before.counts.get(name) ?? 0))
    return {
      hasReachedApp: reached > before.reached,
      status: answer.status,
      code: answer.headers.get(errorCodeHeader),
      headers: Object.fromEntries(answer.headers),
      text,
      line,
      counted: changed.map(([name, count]) => [name, count - (before.counts.get(name) ?? 0)]),
    }
  }
  const first = hasKeys ? bearer(backend.key) : {}
  const accepted: Promise<Response>[] = []
  const occupy = () =>
    accepted.push(fetch(new URL(digits, servers.app.url), { method: 'POST', headers: first, body }))
  occupy()
  await vi.waitFor(() => expect(app.inference.stats().running).toBe(1))
  occupy()
  await vi.waitFor(() => expect(app.inference.stats().queued).toBe(1))
  return {
    ask,
    first,
    token: () => tokens.issue('shop', origin),
    /** Lets the lane run. */
    open: async () => {
      open()
      for (const answer of accepted) expect((await answer).status).toBe(200)
    },
    close: () => {
      for (const server of Object.values(servers)) server.close()
      app.close()
      store.close()
    },
  }
}

type Asked = Awaited<ReturnType<Awaited<ReturnType<typeof start>>['ask']>>

/** Without what differs from request to request. */
const alike = ({ hasReachedApp: _reached, headers, ...asked }: Asked) => {
  const {
    date: _date,
    traceresponse,
    'ratelimit-reset': _reset,
    'ratelimit-remaining': _left,
    ...rest
  } = headers
  return { ...asked, headers: { ...rest, traceresponse: traceresponse?.slice(0, 36) } }
}

describe.each([
  ['without keys', false],
  ['with keys and limits', true],
])('a full server %s', (_name, hasKeys) => {
  let server: Awaited<ReturnType<typeof start>>
  beforeAll(async () => {
    server = await start(hasKeys)
  })
  afterAll(() => server.close())

  test('refuses as its app would, which it does not ask once it refuses', async () => {
    expect((await server.ask('early', server.first)).hasReachedApp).toBe(true)
    const traced = {
      ...server.first,
      'x-request-id': 'mine',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    }
    for (const path of [digits, 'v2/models/digits/versions/1/infer']) {
      const early = await server.ask('early', traced, path)
      const app = await server.ask('app', traced, path)
      expect([early.hasReachedApp, app.hasReachedApp]).toEqual([false, true])
      expect([early.status, early.code, early.headers['retry-after']]).toEqual([503, 'overloaded', '1'])
      expect(early.counted).toHaveLength(3)
      expect(alike(early)).toEqual(alike(app))
    }
  })

  test.each<[string, string, Record<string, string>, number]>([
    ['a model that there is not', 'v2/models/none/infer', {}, 404],
    ['a path with a query', `${digits}?x=1`, {}, 503],
    ['a path that is spelt otherwise', 'v2/models/%64igits/infer', {}, 503],
    ['an invalid timeout', digits, { 'request-timeout': 'soon' }, 400],
  ])('leaves %s to its app', async (_what, path, headers, status) => {
    const early = await server.ask('early', { ...server.first, ...headers, 'x-request-id': 'mine' }, path)
    const app = await server.ask('app', { ...server.first, ...headers, 'x-request-id': 'mine' }, path)
    expect([early.hasReachedApp, early.status]).toEqual([true, status])
    expect(alike(early)).toEqual(alike(app))
  })

  if (hasKeys) {
    test.each([
      ['without a key', {}, 401],
      ['of a wrong key', bearer(testKey('x').key), 401],
      ['of a page that may not call', { ...bearer(backend.key), origin: 'https://evil.example' }, 403],
    ])('leaves a request %s to its app', async (_what, headers, status) => {
      const early = await server.ask('early', headers)
      expect([early.hasReachedApp, early.status]).toEqual([true, status])
    })

    test('refuses pages by their tokens', async () => {
      const headers = { ...bearer(await server.token()), origin, 'x-request-id': 'mine' }
      const early = await server.ask('early', headers)
      expect([early.hasReachedApp, early.status]).toEqual([false, 503])
      expect(early.headers['access-control-allow-origin']).toBe(origin)
      expect(alike(early)).toEqual(alike(await server.ask('app', headers)))
    })

    test('counts what it refuses against the limits of its caller', async () => {
      const headers = { ...bearer(frugal.key), 'x-request-id': 'mine' }
      const left: unknown[] = []
      for (let count = 0; count < 2; count++)
        left.push((await server.ask('early', headers)).headers['ratelimit-remaining'])
      expect(left).toEqual(['1', '0'])
      const early = await server.ask('early', headers)
      expect([early.hasReachedApp, early.status, early.code]).toEqual([false, 429, 'rate_limited'])
      expect(alike(early)).toEqual(alike(await server.ask('app', headers)))
    })
  }

  test('answers a request that has a place again, and counts it once', async () => {
    const left = ({ headers }: Asked) => Number(headers['ratelimit-remaining'])
    const refused = await server.ask('early', server.first)
    expect(refused.status).toBe(503)
    await server.open()
    const answered = await server.ask('early', server.first)
    expect([answered.hasReachedApp, answered.status]).toEqual([true, 200])
    if (hasKeys) expect(left(answered)).toBe(left(refused) - 1)
  })
})
