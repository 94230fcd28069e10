import { z } from 'zod'
import { callOf, type EngineWindow } from './engine-driver.ts'

/** Longer than a step of a page takes, and shorter than a test may. */
const timeoutMs = 100_000

const failure = z.object({ error: z.string(), message: z.string() })
const session = z.object({
  sessionId: z.string(),
  capabilities: z.object({ browserVersion: z.string() }),
})
const outcome = z.union([z.object({ thrown: z.string() }), z.object({ value: z.unknown().optional() })])

/**
 * Starts a browser by W3C WebDriver.
 *
 * @param driver The address of the driver.
 * @param capabilities What the browser has to be.
 */
export async function openWebDriver(driver: URL, capabilities: Readonly<Record<string, unknown>>) {
  const started = await send(driver, 'POST', 'session', { capabilities: { alwaysMatch: capabilities } })
  const { sessionId, capabilities: got } = session.parse(started)
  const call = (method: string, path: string, body?: unknown) =>
    send(driver, method, `session/${sessionId}${path}`, body)
  await call('POST', '/timeouts', { script: timeoutMs, pageLoad: timeoutMs })
  const window: EngineWindow = {
    version: got.browserVersion,
    goto: async (url) => {
      await call('POST', '/url', { url: url.href })
    },
    reload: async () => {
      await call('POST', '/refresh', {})
    },
    evaluate: async (script, ...args) => {
      const done = 'arguments[arguments.length - 1]'
      const body = {
        script: `const done = ${done}; (async () => ${callOf(script, args)})().then((value) => done({ value }), (cause) => done({ thrown: String(cause) }))`,
        args: [],
      }
      const answer = outcome.parse(await call('POST', '/execute/async', body))
      if ('thrown' in answer) throw new Error(answer.thrown)
      return answer.value as never
    },
    drag: async ([first, ...rest]) => {
      if (!first) return
      const move = ({ x, y }: typeof first) => ({ type: 'pointerMove', duration: 0, x, y })
      const actions = [
        move(first),
        { type: 'pointerDown', button: 0 },
        ...rest.map(move),
        { type: 'pointerUp', button: 0 },
      ]
      await call('POST', '/actions', { actions: [{ type: 'pointer', id: 'mouse', actions }] })
    },
    close: async () => {
      await call('DELETE', '')
    },
  }
  return window
}

async function send(driver: URL, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(new URL(path, driver), {
    method,
    signal: AbortSignal.timeout(timeoutMs),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const { value } = z.object({ value: z.unknown() }).parse(await response.json())
  const failed = failure.safeParse(value)
  if (!response.ok) throw new Error(failed.success ? `${failed.data.error}: ${failed.data.message}` : path)
  return value
}
