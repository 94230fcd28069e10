/** A stand-in for the offload thread: its tasks' inputs say what becomes of it. */
import { parentPort } from 'node:worker_threads'

const faults = {
  echo: (value) => parentPort.postMessage({ value }),
  hang: () => {
    for (;;);
  },
  throw: () => {
    throw new Error('a fault of the thread')
  },
  exit: () => process.exit(3),
  // Its heap is limited by the test.
  fill: () => {
    const kept = []
    for (;;) kept.push(new Array(100_000).fill({}))
  },
}

/** A task of the server's own routes is never answered. */
const neverAnswer = () => {}

parentPort.on('message', ({ input }) => (faults[input.fault] ?? neverAnswer)(input))
