import type { Endpoint } from 'comlink'
import type { DirectApi, DirectCall, DirectReply } from '../protocol/lane.ts'
import { buffersOf } from '../protocol/transferables.ts'

/**
 * Answers the calls that `callDirectly` of workers/host makes. Call it before comlink's `expose`: its listener comes
 * first and stops its own messages, so that comlink does not inspect them.
 */
export function answerDirectly({ run, takeEvents }: DirectApi, endpoint: Endpoint): void {
  endpoint.addEventListener('message', (event) => {
    const { data } = event as MessageEvent<unknown>
    if (!isCall(data)) return
    event.stopImmediatePropagation()
    const { call: reply } = data
    if (data.run)
      void run(data.run).then((outcome) =>
        endpoint.postMessage(
          { reply, outcome } satisfies DirectReply,
          outcome.ok ? buffersOf(outcome.value.outputs) : [],
        ),
      )
    else if (data.takeEvents !== undefined)
      void takeEvents(data.takeEvents).then((outcome) =>
        endpoint.postMessage({ reply, outcome } satisfies DirectReply),
      )
  })
}

const isCall = (data: unknown): data is DirectCall =>
  typeof data === 'object' && data !== null && 'call' in data
