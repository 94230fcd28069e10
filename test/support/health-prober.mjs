/** Asks a server for its health again and again, in a thread of its own, and reports the longest waits for an answer. */
import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'

const { url, pid } = workerData

/** Linux counts nanoseconds that a thread ran, and those that it was ready to run and had no core. */
function timesOf(thread) {
  try {
    const [ran, ready] = readFileSync(`/proc/${thread}/schedstat`, 'utf8').split(' ')
    return { ranMs: Number(ran) / 1e6, readyMs: Number(ready) / 1e6 }
  } catch {
    return { ranMs: performance.now(), readyMs: 0 }
  }
}

function times() {
  const { ranMs, readyMs } = timesOf(`${pid}/task/${pid}`)
  return { ranMs, waitMs: performance.now() - readyMs - timesOf('thread-self').readyMs }
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
const none = { ranMs: 0, waitMs: 0 }
let longest = none
let isReportDue = false

function ask() {
  const before = times()
  // A server that closes the connection in place of an answer was waited for as well.
  const ended = () => {
    const after = times()
    longest = {
      ranMs: Math.max(longest.ranMs, after.ranMs - before.ranMs),
      waitMs: Math.max(longest.waitMs, after.waitMs - before.waitMs),
    }
    if (isReportDue) report()
    setTimeout(ask, 5)
  }
  get(url, { agent }, (response) => response.resume().on('end', ended)).on('error', ended)
}
ask()

/** Reports when the question that is under way has its answer, whose wait counts. */
parentPort.on('message', () => {
  isReportDue = true
})

function report() {
  parentPort.postMessage(longest)
  longest = none
  isReportDue = false
}
