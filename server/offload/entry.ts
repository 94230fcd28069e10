/** The offload thread: runs one task after the other. */
import { parentPort, type Transferable } from 'node:worker_threads'
import { SpillwayError } from '../../models/core/index.ts'
import type { TaskMessage, TaskReply } from './protocol.ts'
import { tasks } from './tasks.ts'

type AnyTask = (input: unknown) => { readonly value: unknown; readonly transfer?: readonly ArrayBufferLike[] }

parentPort?.on('message', ({ name, input }: TaskMessage) => {
  const send = (reply: TaskReply, transfer: readonly ArrayBufferLike[] = []) =>
    parentPort?.postMessage(reply, transfer as Transferable[])
  try {
    const { value, transfer } = (tasks[name] as AnyTask)(input)
    send({ value }, transfer)
  } catch (cause) {
    if (cause instanceof SpillwayError) send({ error: cause.toWire() })
    else send({ failure: cause instanceof Error ? cause : new Error(String(cause)) })
  }
})
