import { Worker } from 'node:worker_threads'
import type { FormatReply, StartFormatWorker } from '../format/messages.ts'

/** A thread that computes what formats of texts allow. @param script The built form of formats-entry.ts. */
export const startFormatWorker =
  (script: URL): StartFormatWorker =>
  (onReply, onEnd) => {
    const worker = new Worker(script)
    // It must not keep the process alive.
    worker.unref()
    worker.on('message', (reply: FormatReply) => onReply(reply))
    worker.on('error', ({ message }) => onEnd(message))
    return {
      post: (call) => worker.postMessage(call),
      terminate: () => void worker.terminate(),
    }
  }
