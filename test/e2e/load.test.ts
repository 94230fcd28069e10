import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type {} from '../../web/embed/global.ts'
import { crashWorkers } from '../support/crash-workers.ts'
import type { Fault, FaultProxy } from '../support/fault-proxy.ts'
import { type GuestPage, openGuestPage } from '../support/guest-page.ts'
import { launchBrowser } from '../support/page.ts'
import { startServer, type TestServer } from '../support/server.ts'

declare global {
  interface Window {
    /** Does what goes wrong at a request, by the request's number. */
    strike: (index: number) => Promise<void>
  }
}

let server: TestServer
let browser: Browser
let guest: GuestPage
let proxy: FaultProxy
let page: Page

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launchBrowser()])
})
afterAll(async () => {
  await browser.close()
  await server.stop()
})
beforeEach(async () => {
  guest = await openGuestPage(browser, server.url)
  ;({ proxy, page } = guest)
})
afterEach(async () => {
  await guest.close()
})

const total = 3_000
/** Here the page waits for all answers before it goes on. */
const pauses = [900, 1_800, 2_800]
const closedAt = 2_900

const answerInfer = (fault: Fault) => {
  proxy.fault = (_method, path) => (path.endsWith('/infer') ? fault : 'pass')
}

/** What goes wrong at which request. */
const strikes = new Map<number, () => unknown>([
  [200, () => crashWorkers(page)],
  [
    1_000,
    () => {
      answerInfer('reset')
      proxy.cut()
    },
  ],
  [1_200, () => crashWorkers(page)],
  [1_500, () => answerInfer('truncate')],
  [1_750, () => answerInfer('pass')],
  [2_000, () => crashWorkers(page)],
])

/** What a request is, and what it may come to: where the device may answer it does, whatever dies. */
const fates: Readonly<Record<string, readonly string[]>> = {
  auto: ['answered'],
  device: ['answered'],
  server: ['answered', 'server_unreachable', 'overloaded'],
  'prefer-device': ['answered'],
  'prefer-server': ['answered'],
  wrong: ['input_size_invalid'],
  'no policy': ['input_value_invalid'],
  late: ['answered', 'deadline_exceeded'],
  leaves: ['answered', 'aborted'],
}

interface Outcome {
  readonly fate: string
  readonly index: number
  readonly got: string
}

/** Three thousand requests in the page, by a schedule that is the same each time, and the runtime's end before the last are answered. */
const load = (): Promise<{ outcomes: Outcome[]; settled: number[] }> =>
  page.evaluate(
    async ({ total, pauses, closedAt, strikes, names }) => {
      let state = 7
      const random = () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
        return state / 2 ** 32
      }
      const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T
      const { spillway } = window
      const model = await spillway.model('digits')
      await model.load()
      const values = [0, 0.25, 0.5, 1]
      const image = (rows: number, value: number) => ({
        image: { data: new Float32Array(rows * 784).fill(value), shape: [rows, 1, 28, 28] },
      })
      const logits = async (rows: number, value: number, options: Parameters<typeof model.run>[1]) =>
        Array.from<number | bigint, number>(
          (await model.run(image(rows, value), options)).outputs.logits?.data ?? [],
          Number,
        )
      const expected = new Map<number, number[]>()
      for (const value of values) expected.set(value, await logits(1, value, { policy: 'device' }))

      const settled = new Array<number>(total).fill(0)
      const send = async (index: number, fate: string): Promise<Outcome> => {
        const rows = pick([1, 2, 5])
        const value = pick(values)
        const leaving = new AbortController()
        const options: Record<string, object> = {
          wrong: {},
          late: { deadlineMs: 1 + random() * 20 },
          leaves: { signal: leaving.signal },
          'no policy': { policy: 'nowhere' },
        }
        if (fate === 'leaves') setTimeout(() => leaving.abort(), random() * 10)
        const asked =
          fate === 'wrong'
            ? model.run({ image: new Float32Array(783) }).then(() => [])
            : logits(rows, value, options[fate] ?? { policy: fate })
        const got = await asked
          .then(
            (data) =>
              data.length === rows * 10 &&
              data.every((logit, at) => Math.abs(logit - (expected.get(value)?.[at % 10] ?? 0)) < 1e-2)
                ? 'answered'
                : 'a wrong answer',
            (error) => String(error.code ?? error),
          )
          .finally(() => {
            settled[index] = (settled[index] ?? 0) + 1
          })
        return { fate, index, got }
      }
      const outcomes: Promise<Outcome>[] = []
      let struck = Promise.resolve()
      for (let index = 0; index < total; index++) {
        if (index === closedAt) spillway.close()
        outcomes.push(send(index, pick(names)))
        if (strikes.includes(index)) {
          // More is asked while it happens, but not before the last has happened.
          await struck
          struck = window.strike(index)
        }
        if (pauses.includes(index)) await Promise.all(outcomes)
        else if (index < Math.max(...pauses) && index % 15 === 14)
          await new Promise((resolve) => setTimeout(resolve, random() * 30))
      }
      return { outcomes: await Promise.all(outcomes), settled }
    },
    { total, pauses, closedAt, strikes: [...strikes.keys()], names: Object.keys(fates) },
  )

test('a page that runs, aborts and mistakes thousands of requests, while workers crash, the server is cut off and the runtime is closed: every request settles once, with its own answer or a code', {
  timeout: 120_000,
}, async () => {
  await page.exposeFunction('strike', async (index: number) => {
    await strikes.get(index)?.()
  })
  const { outcomes, settled } = await load()
  for (const { index, fate, got } of outcomes) {
    const allowed = [...(fates[fate] ?? []), ...(index > Math.max(...pauses) ? ['closed'] : [])]
    expect(allowed, `request ${index}, ${fate}`).toContain(got)
  }
  const came = new Set(outcomes.map(({ got }) => got))
  for (const got of ['answered', 'server_unreachable', 'deadline_exceeded', 'aborted', 'closed'])
    expect(came).toContain(got)
  expect(settled).toEqual(new Array(total).fill(1))
})
