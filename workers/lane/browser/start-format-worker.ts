import { filesFragment } from '../../protocol/worker-files.ts'
import type { FormatReply, StartFormatWorker } from '../format/messages.ts'

/** What the lane's script loads in a worker for formats, in place of what it loads as a lane. */
export interface FormatFiles {
  /** xgrammar's script. */
  readonly grammar: string
}

/** A worker that computes what formats of texts allow. It has the lane's own script, by the address that works already. */
export const startFormatWorker =
  (files: FormatFiles): StartFormatWorker =>
  (onReply, onEnd) => {
    const [script = ''] = location.href.split('#')
    const worker = new Worker(script + filesFragment(files), { type: 'module', name: 'spillway formats' })
    worker.addEventListener('message', ({ data }: MessageEvent<FormatReply>) => onReply(data))
    worker.addEventListener('error', (event) => {
      // Otherwise it would be reported to the page, as the lane's own failure.
      event.preventDefault()
      onEnd(event.message || 'its script did not load')
    })
    return { post: (call) => worker.postMessage(call), terminate: () => worker.terminate() }
  }
