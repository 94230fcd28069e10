import '../../web/embed/window-global.ts'
import { describe, expect, test } from 'vitest'
import type { Fault } from '../support/fault-proxy.ts'
import { failDigits, runDigits } from '../support/run-digits.ts'
import { useGuestPage, useSite } from '../support/site.ts'

declare global {
  interface Window {
    leave: () => void
  }
}

// A server of their own: one of them kills its lanes.
const site = useSite(async () => ({}))
const guest = useGuestPage(site)

/** Does one fault to one kind of request, as often as said. */
function inject(fault: Fault, where: RegExp, times = Number.POSITIVE_INFINITY): void {
  let left = times
  guest.proxy.fault = (_method, path) => (where.test(path) && left-- > 0 ? fault : 'pass')
}
const model = /^\/models\/digits\/\w+\//
const infer = /\/infer$/

/** Resolves once a request of a kind is on its way to the server. */
const sent = (where: RegExp) =>
  expect.poll(() => guest.proxy.seen.some(({ path }) => where.test(path)), { interval: 5 }).toBe(true)

describe('damaged model files', () => {
  test.each<[Fault, string, string]>([
    ['truncate', 'file_truncated', 'bytes, got'],
    ['alter', 'file_altered', 'expected SHA-256'],
    ['html', 'file_missing', 'text/html'],
    ['reset', 'server_unreachable', 'could not be fetched'],
  ])(
    '%s: the device refuses them with an error, and loads the right ones at the next visit',
    async (fault, code, message) => {
      inject(fault, model)
      const failure = await failDigits(guest.page, { policy: 'device' })
      expect(failure).toMatchObject({ code, message: expect.stringContaining(message) })
      inject('pass', model)
      await guest.page.reload()
      expect(await runDigits(guest.page, { policy: 'device' })).toMatchObject({
        digit: 1,
        placement: { tier: 'device' },
      })
    },
  )

  test.each<Fault>(['truncate', 'alter'])(
    '%s once: they are fetched again, and the request is answered',
    async (fault) => {
      inject(fault, model, 1)
      expect(await runDigits(guest.page, { policy: 'device' })).toMatchObject({
        digit: 1,
        placement: { tier: 'device' },
      })
      expect(guest.proxy.seen.filter(({ path }) => model.test(path))).toHaveLength(2)
    },
  )

  test('policy "prefer-device" moves the request to the server, and explains why', async () => {
    inject('alter', model)
    const { digit, placement } = await runDigits(guest.page, { policy: 'prefer-device' })
    expect(digit).toBe(1)
    expect(placement).toMatchObject({ tier: 'server', reason: 'device-failed' })
    expect(placement.explanation).toContain('is not what its manifest says')
  })
})

describe('a server that fails', () => {
  test('is down, answers HTML, is slow or breaks off: the request fails with its code, and the next one is answered', async () => {
    const failures: [Fault, number | undefined, string, string][] = [
      ['reset', undefined, 'server_unreachable', 'cannot be reached'],
      [
        'html',
        undefined,
        'server_response_invalid',
        'expected JSON, got status 200, text/html: <!doctype html>',
      ],
      ['hang', 1_000, 'deadline_exceeded', 'expected an answer within 1000 ms, got none'],
      ['truncate', undefined, 'server_unreachable', 'cannot be reached'],
    ]
    for (const [fault, deadlineMs, code, message] of failures) {
      inject(fault, infer)
      const options = { policy: 'server', ...(deadlineMs === undefined ? {} : { deadlineMs }) } as const
      expect(await failDigits(guest.page, options), fault).toMatchObject({
        code,
        message: expect.stringContaining(message),
      })
      inject('pass', infer)
      expect(await runDigits(guest.page, { policy: 'server' }), fault).toMatchObject({ digit: 1 })
    }
  })

  test('policy "prefer-server" moves the request to the device, and explains why', async () => {
    inject('reset', infer)
    expect(await runDigits(guest.page, { policy: 'prefer-server' })).toMatchObject({
      digit: 1,
      placement: { tier: 'device', reason: 'server-unavailable' },
    })
  })

  test('reports a model that it does not have', async () => {
    expect(await failDigits(guest.page, { model: 'cats' })).toMatchObject({
      code: 'model_unknown',
      message: expect.stringContaining('There is no model "cats"'),
    })
    expect(await failDigits(guest.page, { model: '../../v2' })).toMatchObject({ code: 'model_unknown' })
  })

  test('loses no request when its lanes are killed with kill -9 in the middle of a run', async () => {
    site.server.freezeLanes()
    const answer = runDigits(guest.page, { policy: 'server', rows: 1_000 })
    await sent(infer)
    for (const pid of site.server.lanes()) process.kill(pid, 'SIGKILL')
    expect(await answer).toMatchObject({ digit: 1, rows: 1_000, placement: { tier: 'server' } })
  })
})

describe('a caller’s mistake', () => {
  test('a wrong name, type or size is reported before anything is sent or run; NaN runs on both tiers; an abort settles the request at once, before and after it is sent', async () => {
    await runDigits(guest.page)
    guest.proxy.clear()
    const mistakes = await guest.page.evaluate(async () => {
      const model = await window.spillway.model('digits')
      const wrong: Readonly<Record<string, Float32Array | Float64Array>>[] = [
        { picture: new Float32Array(784) },
        { image: new Float64Array(784) },
        { image: new Float32Array(3) },
      ]
      return Promise.all(wrong.map((inputs) => model.run(inputs).catch(({ code }) => code)))
    })
    expect(mistakes).toEqual(['input_name_invalid', 'input_type_invalid', 'input_size_invalid'])
    expect(guest.proxy.seen.filter(({ method }) => method === 'POST')).toHaveLength(0)
    // As a binary tensor.
    const reported = await guest.page.evaluate(async () => {
      const model = await window.spillway.model('digits')
      const inputs = { image: new Float32Array(784).fill(Number.NaN) }
      const device = await model.run(inputs, { policy: 'device' })
      const server = await model.run(inputs, { policy: 'server' })
      return [device.placement.tier, server.placement.tier]
    })
    expect(reported).toEqual(['device', 'server'])

    inject('hang', infer)
    guest.proxy.clear()
    const codes = guest.page.evaluate(async () => {
      const model = await window.spillway.model('digits')
      const inputs = { image: new Float32Array(784) }
      const code = (work: Promise<unknown>) =>
        work.then(
          () => 'ran',
          (error) => error.code,
        )
      const later = new AbortController()
      window.leave = () => later.abort()
      const running = code(model.run(inputs, { policy: 'server', signal: later.signal }))
      return [await code(model.run(inputs, { signal: AbortSignal.abort() })), await running]
    })
    await sent(infer)
    await guest.page.evaluate(() => window.leave())
    expect(await codes).toEqual(['aborted', 'aborted'])
  })
})
