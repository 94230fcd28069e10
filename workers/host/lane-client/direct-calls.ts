/**
 * Sends the frequent calls as plain numbered messages, because comlink's envelope costs more than a small model's run. Both
 * use the same endpoint, so calls arrive in the order in which they were made. Direct replies are taken off before comlink
 * inspects them, which is slow.
 */
import type { Endpoint } from 'comlink'
import type { Outcome } from '../../../models/async/outcome.ts'
import type { DirectApi, DirectCall, DirectReply } from '../../protocol/lane.ts'
import { buffersOf } from '../../protocol/transferables.ts'

export function callDirectly(endpoint: Endpoint): DirectApi {
  const waiting = new Map<number, (outcome: DirectReply['outcome']) => void>()
  let lastCall = 0
  endpoint.addEventListener('message', (event) => {
    const { data } = event as MessageEvent<unknown>
    if (!isReply(data)) return
    event.stopImmediatePropagation()
    waiting.get(data.reply)?.(data.outcome)
    waiting.delete(data.reply)
  })
  const call = <T>(message: Omit<DirectCall, 'call'>, buffers: ArrayBuffer[] = []) =>
    new Promise<Outcome<T>>((resolve) => {
      const call = ++lastCall
      endpoint.postMessage({ ...message, call } satisfies DirectCall, buffers)
      // The number guarantees the type of the reply, which TypeScript cannot know.
      waiting.set(call, resolve as (outcome: DirectReply['outcome']) => void)
    })
  return {
    run: (batch) => call({ run: batch }, buffersOf(batch.inputs)),
    takeEvents: (session) => call({ takeEvents: session }),
  }
}

const isReply = (data: unknown): data is DirectReply =>
  typeof data === 'object' && data !== null && 'reply' in data
