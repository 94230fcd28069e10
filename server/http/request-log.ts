import type { MiddlewareHandler } from 'hono'
import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

export type Log = Logger

/** JSON lines; formatted for reading where the output is a terminal. */
export const createLog = (): Log =>
  process.stdout.isTTY
    ? pino(pretty({ ignore: 'pid,hostname', singleLine: true, sync: true }))
    : pino(lines())

/** From one byte on, which is each line at once: with none for a bound, `flush` calls back before anything is written. */
const lines = () => pino.destination({ minLength: 1 })

/** What routes add to the request's log line. */
export interface Variables {
  errorCode?: string
  inference?: {
    readonly model: string
    readonly rows: number
    readonly queueMs: number
    readonly computeMs: number
  }
}

/** Logs one line for each request. */
export const logRequests =
  (log: Log): MiddlewareHandler<{ Variables: Variables }> =>
  async (c, next) => {
    const startedAt = performance.now()
    await next()
    // `c.var` would copy all variables at each read.
    const code = c.get('errorCode')
    const inference = c.get('inference')
    const line = {
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      ms: round(performance.now() - startedAt),
      ...(code === undefined ? {} : { code }),
      ...(inference === undefined ? {} : roundAll(inference)),
    }
    if (c.res.status >= 500) log.warn(line, 'request')
    else log.info(line, 'request')
  }

const round = (ms: number) => Math.round(ms * 100) / 100

const roundAll = (inference: NonNullable<Variables['inference']>) => ({
  ...inference,
  queueMs: round(inference.queueMs),
  computeMs: round(inference.computeMs),
})
