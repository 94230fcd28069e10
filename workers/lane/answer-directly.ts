import type { Endpoint } from 'comlink'
import type { Tensor } from '../../models/core/index.ts'
import type { BatchRequest, DirectApi, DirectCall, DirectReply } from '../protocol/lane.ts'
import { buffersOf } from '../protocol/transferables.ts'

/** Called with the inputs of a run that was answered, and its outputs, which may still be on their way. */
export type OnAnswered = (
  inputs: Readonly<Record<string, Tensor>>,
  outputs: Readonly<Record<string, Tensor>>,
) => void

/**
 * Answers the calls that `callDirectly` of workers/host makes. Call it before comlink's `expose`: its listener comes
 * first and stops its own messages, so that comlink does not inspect them.
 */
export function answerDirectly(
  { run, takeEvents }: DirectApi,
  endpoint: Endpoint,
  onAnswered: OnAnswered = () => {},
): void {
  const answerRun = async (request: BatchRequest, reply: number): Promise<void> => {
    const outcome = await run(request)
    const outputs = outcome.ok ? outcome.value.outputs : {}
    endpoint.postMessage({ reply, outcome } satisfies DirectReply, buffersOf(outputs))
    onAnswered(request.inputs, outputs)
  }
  endpoint.addEventListener('message', (event) => {
    const { data } = event as MessageEvent<unknown>
    if (!isCall(data)) return
    event.stopImmediatePropagation()
    const { call: reply } = data
    if (data.run) void answerRun(data.run, reply)
    else if (data.takeEvents !== undefined)
      void takeEvents(data.takeEvents).then((outcome) =>
        endpoint.postMessage({ reply, outcome } satisfies DirectReply),
      )
  })
}

const isCall = (data: unknown): data is DirectCall =>
  typeof data === 'object' && data !== null && 'call' in data
