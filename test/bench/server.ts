import { type Bench, type Comparison, median } from './bench-definition.ts'
import { ceilingOf } from './ceiling.ts'
import { type Body, bodies, inferBytes, inputs } from './infer-requests.ts'
import { benchModels } from './models.ts'
import { buildServers } from './servers/build.ts'
import { cpuTime } from './servers/cpu-time.ts'
import { type BenchServer, type Client, start, startClient } from './servers/start.ts'

/** Seconds of load a round, and rounds a side. */
const seconds = 3
const rounds = 3
const connections = 64

interface Load {
  readonly perSecond: number
  /** The event loop's p99 in milliseconds. */
  readonly delay: number
  /** Microseconds of CPU per request in the server's process and its lanes. */
  readonly cpu: number | undefined
  /** Microseconds of CPU per request in the client's process. */
  readonly client: number
}

async function load(
  client: Client,
  side: BenchServer,
  model: string,
  body: Body,
  duration: number,
): Promise<Load> {
  const { url, pid } = side
  await side.delay()
  const before = cpuTime(pid)
  const done = await client.load({
    port: Number(url.port),
    requests: [inferBytes(url, model, body)],
    connections,
    seconds: duration,
  })
  const after = cpuTime(pid)
  const { length: answered } = done.answered
  if (done.refused.length + done.broken > 0)
    throw new Error(`Not all were answered: ${JSON.stringify(done.statuses)}`)
  return {
    perSecond: done.inTime / done.seconds,
    delay: await side.delay(),
    client: done.cpu / answered,
    cpu: before === undefined || after === undefined ? undefined : ((after - before) * 1e3) / answered,
  }
}

/** All rounds of both sides in turn, after a short warm-up round. */
async function compare(client: Client, ours: BenchServer, plain: BenchServer, model: string, body: Body) {
  const loads = { ours: [] as Load[], plain: [] as Load[] }
  for (let round = 0; round <= rounds; round++) {
    for (const [name, side] of [
      ['ours', ours],
      ['plain', plain],
    ] as const) {
      const measured = await load(client, side, model, body, round === 0 ? 1 : seconds)
      if (round > 0) loads[name].push(measured)
    }
  }
  return loads
}

function rows(what: string, least: number, { ours, plain }: { ours: Load[]; plain: Load[] }): Comparison[] {
  const of = (loads: Load[], read: (load: Load) => number | undefined) =>
    median(loads.map((load) => read(load) ?? Number.NaN))
  const row = (metric: string, read: (load: Load) => number | undefined) => ({
    bench: 'server',
    metric: `${what}, ${metric}`,
    ours: of(ours, read),
    theirs: of(plain, read),
  })
  const rate = row('requests/s', ({ perSecond }) => perSecond)
  const cpu = row('CPU µs a request, lanes included', ({ cpu }) => cpu)
  const delay = row('event loop p99 ms; ratio: ours', ({ delay }) => delay)
  const share = row(
    "client's share of a core; ratio: ours",
    ({ client, perSecond }) => (client * perSecond) / 1e6,
  )
  const results: Comparison[] = [
    { ...rate, ratio: rate.ours / rate.theirs, reach: `≥ ${least}×`, ok: rate.ours / rate.theirs >= least },
    { ...delay, ratio: delay.ours, reach: '≤ 20 ms', ok: delay.ours <= 20 },
    { ...share, ratio: share.ours, reach: '≤ 0.8', ok: share.ours <= 0.8 },
  ]
  if (!Number.isNaN(cpu.ours))
    results.push({ ...cpu, ratio: cpu.theirs / cpu.ours, reach: '≥ 1×', ok: cpu.theirs >= cpu.ours })
  return results
}

export const server: Bench = {
  name: 'server',
  description: `infer over real sockets, ${connections} connections, against Hono and onnxruntime-node that run each request alone on the event loop`,
  run: async ({ models }) => {
    const folders = await benchModels(models)
    const files = await buildServers()
    const [ours, plain] = await Promise.all([start(files.ours, folders), start(files.plain, folders)])
    const client = startClient(files.client)
    const results: Comparison[] = []
    for (const model of ['mnist-mlp', 'magika'] as const) {
      const input = inputs[model]()
      for (const form of ['json', 'binary'] as const) {
        const loads = await compare(client, ours, plain, model, bodies[form](input))
        results.push(...rows(`${model} as ${form}`, model === 'mnist-mlp' ? 1.5 : 1, loads))
        if (model === 'magika' && form === 'json') {
          const mine = median(loads.ours.map(({ perSecond }) => perSecond))
          const ceiling = await ceilingOf(models, 2 * seconds)
          results.push({
            bench: 'server',
            metric: 'magika, requests/s, against rows/s in batches by hand',
            ours: mine,
            theirs: ceiling,
            ratio: mine / ceiling,
            reach: '≥ 0.8',
            ok: mine / ceiling >= 0.8,
          })
        }
      }
    }
    for (const one of [ours, plain, client]) one.stop()
    return results
  },
}
