import { afterEach, describe, expect, test } from 'vitest'
import { RateLimits } from '../../server/auth/limits/rate-limits.ts'
import { connectedStore, noRedis, startRedis } from '../support/redis.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const keptMs = 1_200

describe.skipIf(noRedis !== '')(`limits of requests at once through Redis${noRedis}`, () => {
  test('are shared by servers, and those of a server that died end', async () => {
    const { url } = await startRedis(closers)
    /** A server, and what it says to a request of the caller: the function that ends the request, or the refusal. */
    const server = async () => {
      const store = await connectedStore(url, keptMs)
      closers.push(() => store.close())
      const limits = new RateLimits(store)
      const caller = { name: 'key backend', limits: { concurrentRequests: 1 } }
      const ask = () =>
        limits
          .admit([caller], 'rows', () => {})
          .then(
            ({ release }) => release,
            ({ code }) => String(code),
          )
      return { store, ask }
    }
    const [one, other] = [await server(), await server()]
    /** Resolves when a request is accepted. */
    const begin = async ({ ask }: typeof one) => {
      let answer = await ask()
      await expect
        .poll(async () => {
          if (typeof answer === 'string') answer = await ask()
          return typeof answer
        })
        .toBe('function')
      return typeof answer === 'string' ? () => {} : answer
    }

    const end = await begin(one)
    expect(await other.ask()).toBe('rate_limited')
    // It is renewed for as long as the request is in flight.
    await new Promise((resolve) => setTimeout(resolve, 1.5 * keptMs))
    expect(await other.ask()).toBe('rate_limited')
    end()
    const endOther = await begin(other)
    expect(await one.ask()).toBe('rate_limited')
    endOther()

    await begin(one)
    // As a process that dies: nothing is given back or renewed.
    one.store.close()
    expect(await other.ask()).toBe('rate_limited')
    await expect.poll(async () => typeof (await other.ask()), { timeout: 5_000 }).toBe('function')
  })
})
