import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import { systemClock } from '../../models/async/clock.ts'
import type { KeyEntry } from '../../models/protocols/api-keys.ts'
import type { Allowance } from '../auth/limits/rate-limits.ts'
import type { StreamEnd } from '../observability/stream-end.ts'
import type { TextRecord } from '../observability/text-record.ts'
import type { RequestSpan } from '../observability/trace-context.ts'
import type { LogDestination } from './log-destination.ts'
import { LogOutput, outputWriter } from './log-output.ts'

export type Log = Logger

/** JSON lines to a program's own log. */
export const createLogTo = (destination: LogDestination): Log => pino({}, destination)

/** JSON lines; formatted for reading where the output is a terminal. */
export function createLog(): Log {
  if (process.stdout.isTTY) return pino(pretty({ ignore: 'pid,hostname', singleLine: true, sync: true }))
  const output = new LogOutput(outputWriter(), systemClock)
  process.once('exit', () => output.end())
  return pino({}, output)
}

/** The header of requests and responses that names a request in logs. */
export const requestIdHeader = 'x-request-id'

/** What routes add to the request's log line, metrics and trace. */
export interface Variables {
  /** The request's id, for routes that write their headers themselves. */
  requestId?: string
  /** The request's span, where its caller traces it or this server does. */
  span?: RequestSpan
  /** Who takes turns with others; see `createCallerOf`. */
  caller?: string | undefined
  /** The key of the request, where the server has keys. */
  key?: KeyEntry
  /** What the request may use, where limits are set. */
  allowance?: Allowance
  /** The headers of every answer to this request; see `createCors`. */
  answerHeaders?: Readonly<Record<string, string>>
  /** Whether the response has the id, and the span, already. */
  hasRequestId?: boolean
  /** Whether the path has no route. */
  isUnknownRoute?: boolean
  errorCode?: string
  /** The error's message: why the request was refused or failed. */
  reason?: string
  /** The id of the model that the request names. */
  model?: string
  inference?: {
    readonly model: string
    readonly rows: number
    readonly queueMs: number
    readonly computeMs: number
    /** When its run had ended, on the clock. */
    readonly answeredAt: number
    /** The replica of the model's upstream that answered. */
    readonly replica?: string | undefined
  }
  texts?: TextRecord
  embedded?: { readonly rows: number; readonly promptTokens: number }
  /** The end of an answer that is longer than its handler's call. */
  stream?: Promise<StreamEnd> | undefined
}
