/** The offload thread: runs one task after the other. */
import { setPriority } from 'node:os'
import { parentPort, type Transferable } from 'node:worker_threads'
import { SpillwayError } from '../../models/core/index.ts'
import type { TaskMessage, TaskReply } from './protocol.ts'
import { tasks } from './tasks.ts'

/** Of `nice`: a third of the time that other threads get where all cores are busy. */
const niceness = 5

/**
 * One caller's bodies of megabytes keep the cores that small requests of others run on. Linux sets the priority of the thread
 * that asks, other systems that of the process.
 */
function giveWay(): void {
  try {
    if (process.platform === 'linux') setPriority(0, niceness)
  } catch {
    // A sandbox may forbid it.
  }
}

giveWay()

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
