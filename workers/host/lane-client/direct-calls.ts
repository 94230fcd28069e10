/**
 * The calls that are made again and again, as plain messages with a number: comlink's envelope costs more than a small
 * model's run. Both share the endpoint, each passing over what is the other's, so calls come in the order of their making.
 * These listen first, and keep from comlink what is theirs: it looks into each message at length.
 */
import type { Endpoint } from 'comlink'
import type { Outcome } from '../../../models/async/outcome.ts'
import type { DirectApi, DirectCall, DirectReply } from '../../protocol/lane.ts'
import { buffersOf } from '../../protocol/transferables.ts'

export function callDirectly(endpoint: Endpoint): DirectApi {
  const waiting = new Map<number, (outcome: DirectReply['outcome']) => void>()
  let last = 0
  endpoint.addEventListener('message', (event) => {
    const { data } = event as MessageEvent<unknown>
    if (!isReply(data)) return
    event.stopImmediatePropagation()
    waiting.get(data.reply)?.(data.outcome)
    waiting.delete(data.reply)
  })
  const call = <T>(message: Omit<DirectCall, 'call'>, buffers: ArrayBuffer[] = []) =>
    new Promise<Outcome<T>>((resolve) => {
      const call = ++last
      endpoint.postMessage({ ...message, call } satisfies DirectCall, buffers)
      // What came is what this call was for: the number says so, and types cannot.
      waiting.set(call, resolve as (outcome: DirectReply['outcome']) => void)
    })
  return {
    run: (batch) => call({ run: batch }, buffersOf(batch.inputs)),
    takeEvents: (session) => call({ takeEvents: session }),
  }
}

const isReply = (data: unknown): data is DirectReply =>
  typeof data === 'object' && data !== null && 'reply' in data
