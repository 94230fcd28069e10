import { parentPort } from 'node:worker_threads'
import type { FormatCall } from '../format/messages.ts'
import { serveFormats } from '../format/serve-formats.ts'

const serve = serveFormats(
  () => import('@mlc-ai/web-xgrammar'),
  (reply) => parentPort?.postMessage(reply),
)
parentPort?.on('message', (call: FormatCall) => serve(call))
