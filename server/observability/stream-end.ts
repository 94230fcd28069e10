import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { ErrorCode, SpillwayError } from '../../models/core/index.ts'

/** How an answer ended that is longer than its handler's call. */
export interface StreamEnd {
  readonly end: 'finished' | 'client_left' | 'deadline' | 'error'
  readonly code?: ErrorCode
  readonly reason?: string
}

export const finished: StreamEnd = { end: 'finished' }
export const clientLeft: StreamEnd = { end: 'client_left', code: 'aborted' }

export function endOfFailure({ code, message }: SpillwayError): StreamEnd {
  if (code === 'aborted') return clientLeft
  return { end: code === 'deadline_exceeded' ? 'deadline' : 'error', code, reason: message }
}

/** The end of a body that Node sends by itself; undefined in a test without a socket. */
export function endOfResponse(c: Context): Promise<StreamEnd> | undefined {
  const outgoing = (c.env as Partial<HttpBindings> | undefined)?.outgoing
  if (!outgoing) return undefined
  return new Promise((resolve) => {
    outgoing.once('close', () => resolve(outgoing.writableFinished ? finished : clientLeft))
  })
}
