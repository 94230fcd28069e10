import { expect, test } from 'vitest'
import type {} from '../../web/embed/window-global.ts'
import { crashWorkers } from '../support/crash-workers.ts'
import type { Fault } from '../support/fault-proxy.ts'
import { useGuestPage, useSite } from '../support/site.ts'

declare global {
  interface Window {
    /** Causes the fault that is planned for a request, by the request's number. */
    strike: (index: number) => Promise<void>
  }
}

const site = useSite()
const guest = useGuestPage(site)

const total = 3_000
/** Requests after which the page waits for all answers so far. */
const pauses = [900, 1_800, 2_800]
const closedAt = 2_900

const answerInfer = (fault: Fault) => {
  guest.proxy.fault = (_method, path) => (path.endsWith('/infer') ? fault : 'pass')
}

/** Ends one lane: a request that has lost two is taken to be the cause, and does not run on the device again. */
const crashLane = () =>
  crashWorkers(
    guest.page,
    guest.page
      .workers()
      .filter((worker) => worker.url().includes('/entry'))
      .slice(0, 1),
  )

/** The faults, by the number of the request at which they happen. */
const strikes = new Map<number, () => unknown>([
  [200, crashLane],
  [
    1_000,
    () => {
      answerInfer('reset')
      guest.proxy.cut()
    },
  ],
  [1_200, crashLane],
  [1_500, () => answerInfer('truncate')],
  [1_750, () => answerInfer('pass')],
  [2_000, crashLane],
])

/** The kinds of requests and their possible outcomes. Where the device may answer it does, whatever crashes. */
const outcomesByKind: Readonly<Record<string, readonly string[]>> = {
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
  readonly kind: string
  readonly index: number
  readonly got: string
}

/** Makes three thousand requests in the page by a fixed schedule, and closes the runtime before the last are answered. */
const load = (): Promise<{ outcomes: Outcome[]; settled: number[] }> =>
  guest.page.evaluate(
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
        Array.from<unknown, number>(
          (await model.run(image(rows, value), options)).outputs.logits?.data ?? [],
          Number,
        )
      const expected = new Map<number, number[]>()
      for (const value of values) expected.set(value, await logits(1, value, { policy: 'device' }))

      const settled = new Array<number>(total).fill(0)
      const send = async (index: number, kind: string): Promise<Outcome> => {
        const rows = pick([1, 2, 5])
        const value = pick(values)
        const leaving = new AbortController()
        const options: Record<string, object> = {
          wrong: {},
          late: { deadlineMs: 1 + random() * 20 },
          leaves: { signal: leaving.signal },
          'no policy': { policy: 'nowhere' },
        }
        if (kind === 'leaves') setTimeout(() => leaving.abort(), random() * 10)
        const asked =
          kind === 'wrong'
            ? model.run({ image: new Float32Array(783) }).then(() => [])
            : logits(rows, value, options[kind] ?? { policy: kind })
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
        return { kind, index, got }
      }
      const outcomes: Promise<Outcome>[] = []
      let struck = Promise.resolve()
      for (let index = 0; index < total; index++) {
        if (index === closedAt) spillway.close()
        outcomes.push(send(index, pick(names)))
        if (strikes.includes(index)) {
          // Requests go on during a fault, but the next fault waits for this one to end.
          await struck
          struck = window.strike(index)
        }
        if (pauses.includes(index)) await Promise.all(outcomes)
        else if (index < Math.max(...pauses) && index % 15 === 14)
          await new Promise((resolve) => setTimeout(resolve, random() * 30))
      }
      return { outcomes: await Promise.all(outcomes), settled }
    },
    { total, pauses, closedAt, strikes: [...strikes.keys()], names: Object.keys(outcomesByKind) },
  )

test('every one of thousands of requests settles once, with its own answer or a code, while workers crash, the server is cut off and the runtime is closed', {
  timeout: 120_000,
}, async () => {
  await guest.page.exposeFunction('strike', async (index: number) => {
    await strikes.get(index)?.()
  })
  const { outcomes, settled } = await load()
  for (const { index, kind, got } of outcomes) {
    const allowed = [...(outcomesByKind[kind] ?? []), ...(index > Math.max(...pauses) ? ['closed'] : [])]
    expect(allowed, `request ${index}, ${kind}`).toContain(got)
  }
  const came = new Set(outcomes.map(({ got }) => got))
  for (const got of ['answered', 'server_unreachable', 'deadline_exceeded', 'aborted', 'closed'])
    expect(came).toContain(got)
  expect(settled).toEqual(new Array(total).fill(1))
})
