import { availableParallelism } from 'node:os'
import { startServer, type TestServer } from '../support/server.ts'
import { atLeast, atMost, type Bench, type Comparison, percentile } from './bench-definition.ts'
import { ofCallers } from './infer-requests.ts'
import { magikaFolder } from './models.ts'
import { buildServers } from './servers/build.ts'
import type { Done, Task } from './servers/client.ts'
import { laneBytes, residentBytes } from './servers/memory.ts'
import { startClient } from './servers/start.ts'

const callers = 20
/** Connections of the closed loops; the one that gives most is the capacity. */
const concurrencies = [4, 8, 16, 32]
/** Times the capacity. */
const loads = [2, 10]

export const overload: Bench = {
  name: 'overload',
  description: `magika over real sockets at ${loads.join(' and ')} times the capacity, requests of ${callers} callers at random times, against the server's own capacity (the best of closed loops) and its p99 with one request at a time`,
  run: async ({ models, isTrial }) => {
    const { client: file } = await buildServers()
    const server = await startServer({ SPILLWAY_MODELS: await magikaFolder(models) })
    server.dropLog()
    const client = startClient(file)
    const port = Number(server.url.port)
    const requests = ofCallers(server.url, callers)
    const ask = (load: Load) => client.load({ port, requests, ...load })
    const seconds = isTrial ? 6 : 60
    const probeSeconds = isTrial ? 2 : 6
    // Code is compiled, and the autoscaler finds its lanes.
    await ask({ connections: 16, seconds: probeSeconds })
    await ask({ connections: 2_000, seconds: probeSeconds, perSecond: 500 })
    const lone = await ask({ connections: 1, seconds: probeSeconds })
    let [capacity, capacityOfCore] = [0, 0]
    for (const connections of concurrencies) {
      const done = await ask({ connections, seconds: probeSeconds })
      capacity = Math.max(capacity, done.inTime / done.seconds)
      capacityOfCore = Math.max(capacityOfCore, perCore(done))
    }
    const results: Comparison[] = []
    for (const factor of loads) {
      const before = await batchTimes(server)
      const loaded = ask({ connections: 4_000, seconds, perSecond: factor * capacity })
      // Connections and queues have their size by then.
      await new Promise((resolve) => setTimeout(resolve, seconds * 250))
      const early = memoryOf(server)
      const done = await loaded
      const growth = { ours: memoryOf(server) / 2 ** 20, theirs: early / 2 ** 20 }
      const after = await batchTimes(server)
      const batchMs = (after.ms - before.ms) / (after.requests - before.requests)
      const figures = { done, capacityOfCore, batchMs, loneMs: percentile([...lone.answered], 0.99) }
      results.push(...comparisons(factor, figures))
      results.push(
        atMost(
          'overload',
          `${factor}×, MB of the server and its lanes at the end, and after a quarter of the time`,
          ratioOf(growth),
          1.05,
          '×',
        ),
      )
    }
    client.stop()
    await server.stop()
    return results
  },
}

type Load = Omit<Task, 'port' | 'requests'>

const ratioOf = ({ ours, theirs }: { readonly ours: number; readonly theirs: number }) => ({
  ours,
  theirs,
  ratio: ours / theirs,
})

/** Answers a second for each core that the client leaves: it shares the server's cores, which clients elsewhere do not. */
const perCore = ({ inTime, seconds, cpu }: Done) => inTime / (seconds * availableParallelism() - cpu * 1e-6)

const memoryOf = ({ pid }: TestServer) => residentBytes(pid) + laneBytes(pid)

/** The runs that answered requests were in: milliseconds, a run counted for each of its requests; and the requests. */
async function batchTimes({ url }: TestServer) {
  const text = await (await fetch(new URL('metrics', url))).text()
  const read = (name: string) =>
    Number(new RegExp(`^${name}\\{model="magika".*\\} (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN)
  return {
    ms: read('nv_inference_compute_infer_duration_us') / 1_000,
    requests: read('nv_inference_request_success'),
  }
}

interface Figures {
  readonly done: Done
  /** Answers a second for each core that the client leaves, in the best closed loop. */
  readonly capacityOfCore: number
  /** Milliseconds of a run under this load, and p99 of a request alone. */
  readonly batchMs: number
  readonly loneMs: number
}

function comparisons(factor: number, { done, capacityOfCore, batchMs, loneMs }: Figures): Comparison[] {
  const goodput = { ours: perCore(done), theirs: capacityOfCore }
  const accepted = { ours: percentile([...done.answered], 0.99), theirs: 2 * loneMs + batchMs }
  const refused = { ours: done.refused.length > 0 ? percentile([...done.refused], 0.99) : 0, theirs: 20 }
  const broken = { ours: done.broken, theirs: 0 }
  process.stderr.write(
    `  ${factor}×: answers by status ${JSON.stringify(done.statuses)}, ${done.broken} without; ${((done.cpu / done.seconds) * 1e-6).toFixed(2)} cores for the client\n`,
  )
  return [
    atLeast('overload', `${factor}×, answers/s for each core that the client leaves`, goodput, 0.9),
    atMost(
      'overload',
      `${factor}×, ms of answers p99, against twice the p99 alone and a run`,
      ratioOf(accepted),
      1,
      '×',
    ),
    atMost('overload', `${factor}×, ms of refusals p99; theirs: the bound`, ratioOf(refused), 1, '×'),
    atMost('overload', `${factor}×, requests without an answer`, broken, 0),
  ]
}
