/** Asks a server for its health again and again, in a thread of its own, and reports the longest wait for an answer. */
import { Agent, get } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
let longestMs = 0
let askedAt = performance.now()
let isReportDue = false

function ask() {
  askedAt = performance.now()
  get(workerData.url, { agent }, (response) => {
    response.resume()
    response.on('end', () => {
      longestMs = Math.max(longestMs, performance.now() - askedAt)
      if (isReportDue) report()
      setTimeout(ask, 5)
    })
  }).on('error', () => setTimeout(ask, 5))
}
ask()

/** Reports when the question that is under way has its answer, whose wait counts. */
parentPort.on('message', () => {
  isReportDue = true
})

function report() {
  parentPort.postMessage(longestMs)
  longestMs = 0
  isReportDue = false
}
