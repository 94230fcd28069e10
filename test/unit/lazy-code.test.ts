import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Clock } from '../../models/async/clock.ts'
import type { Manifest } from '../../models/core/index.ts'
import { createLazySession } from '../../web/api/lazy-session.ts'
import { noHeaders } from '../../web/remote/request-headers.ts'
import { tokenHeaders } from '../../web/remote/token-headers.ts'
import { LazyTextService } from '../../web/text/lazy-text-service.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { noCalibrations } from '../support/no-calibrations.ts'
import { digitsManifest } from '../support/test-models.ts'

const summing: Manifest = {
  ...digitsManifest,
  inputs: [
    { name: 'x', type: 'float32', shape: [-1] },
    { name: 'sum', type: 'float32', shape: [-1] },
  ],
  outputs: [
    { name: 'y', type: 'float32', shape: [-1] },
    { name: 'next', type: 'float32', shape: [-1] },
  ],
  state: [{ input: 'sum', output: 'next' }],
}
const placement = {
  tier: 'device',
  backend: 'wasm',
  variant: 'fp32',
  reason: 'policy',
  explanation: 'a test',
} as const
const timings = { totalMs: 1, queueMs: 0, computeMs: 1 }

const isUnreachable = expect.objectContaining({
  code: 'server_unreachable',
  detail: { hint: expect.stringContaining('reload the page') },
})

/** Makes the import of a module fail, as it does offline and when a new deployment has removed its file. */
const failImport = (path: string) =>
  vi.doMock(path, () => {
    throw new TypeError('Failed to fetch dynamically imported module')
  })

afterEach(() => {
  vi.doUnmock('../../web/api/session.ts')
  vi.doUnmock('../../web/remote/page-tokens.ts')
  vi.doUnmock('../../web/text/text-service.ts')
  vi.resetModules()
})

describe('code that is imported later', () => {
  const x = { x: { type: 'float32', data: Float32Array.of(1), shape: [1] } } as const
  const one = { type: 'float32', data: Float32Array.of(1), shape: [1] } as const
  const createSession = () =>
    createLazySession(
      summing,
      async () => ({ outputs: { y: one, next: one }, placement, timings }),
      createManualClock(),
    )

  const createTexts = (clock: Clock) =>
    new LazyTextService(
      {
        router: {
          run: async () => ({ outputs: { y: one }, placement, timings }),
          streamWithFailover: () => expect.fail(),
        },
        device: { generator: () => expect.fail(), textFiles: () => expect.fail() },
        calibrations: noCalibrations,
        server: null,
        headers: noHeaders,
        clock,
      },
      () => {},
    )

  test('of keys is reported with a code where it does not load, and tried again by the next request', async () => {
    failImport('../../web/remote/page-tokens.ts')
    const headers = tokenHeaders(new URL('https://ai.example'), 'pk_x', createManualClock())
    await expect(headers.send(undefined, async () => 1)).rejects.toEqual(isUnreachable)
    vi.doMock('../../web/remote/page-tokens.ts', () => ({
      PageTokens: class {
        readonly send = noHeaders.send
      },
    }))
    expect(await headers.send(undefined, async () => 1)).toBe(1)
  })

  test('of sessions is reported with a code where it does not load, and tried again by the next run', async () => {
    failImport('../../web/api/session.ts')
    const session = createSession()
    await expect(session.run(x, { policy: 'device' })).rejects.toEqual(isUnreachable)
    vi.doUnmock('../../web/api/session.ts')
    expect((await session.run(x, { policy: 'device' })).outputs.y).toEqual(one)
  })

  test('of sessions refuses runs after close', async () => {
    const session = createSession()
    session.close()
    await expect(session.run(x, { policy: 'device' })).rejects.toMatchObject({ code: 'closed' })
  })

  test('of sessions holds no run after close', async () => {
    vi.doMock('../../web/api/session.ts', () => new Promise(() => {}))
    const session = createSession()
    const answer = session.run(x, { policy: 'device' })
    session.close()
    await expect(answer).rejects.toMatchObject({ code: 'closed' })
  })

  test('of texts is reported with a code where it does not load, and tried again by the next text', async () => {
    failImport('../../web/text/text-service.ts')
    const texts = createTexts(createManualClock())
    const { result } = texts.generate(digitsManifest, { prompt: 'a' }, { policy: 'device' })
    await expect(result).rejects.toEqual(isUnreachable)
    await expect(texts.embed(digitsManifest, ['a'], { policy: 'device' })).rejects.toEqual(isUnreachable)
    vi.doUnmock('../../web/text/text-service.ts')
    await expect(texts.embed(digitsManifest, ['a'], { policy: 'device' })).rejects.toMatchObject({
      code: 'not_supported',
    })
  })

  test('of texts holds no text past its deadline, nor one whose caller has left', async () => {
    vi.doMock('../../web/text/text-service.ts', () => new Promise(() => {}))
    const clock = createManualClock()
    const texts = createTexts(clock)
    const late = texts.generate(digitsManifest, { prompt: 'a' }, { policy: 'device', deadlineMs: 50 })
    const caller = new AbortController()
    const left = texts.generate(digitsManifest, { prompt: 'a' }, { policy: 'device', signal: caller.signal })
    caller.abort()
    clock.advance(50)
    await expect(late.result).rejects.toMatchObject({ code: 'deadline_exceeded' })
    await expect(left.result).rejects.toMatchObject({ code: 'aborted' })
  })
})
