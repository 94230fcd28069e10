import { closeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { heartbeatDescriptor, heartbeatMs } from '../../protocol/heartbeat.ts'

/** A program of its own, so small that it needs no file: a bundler would have to know of it. */
const program = `
const { writeSync } = require('node:fs')
const beat = () => {
  try {
    writeSync(${heartbeatDescriptor}, process.memoryUsage.rss() + '\\n')
  } catch {
    // The host has ended, or does not read; this process ends by itself with its host.
  }
}
beat()
setInterval(beat, ${heartbeatMs})
`

/**
 * Gives signs of life from a thread of their own: a run keeps the main thread busy until it ends. Each is a line with the
 * bytes of resident memory of the process.
 */
export function startHeartbeat(): void {
  const worker = new Worker(program, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8 } })
  worker.unref()
  // The end of the signs tells the host to judge the lane by its calls' limits alone.
  worker.on('error', () => closeSync(heartbeatDescriptor))
}
