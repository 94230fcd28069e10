import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import { type Bench, type Comparison, median } from './bench.ts'
import { ceilingOf } from './ceiling.ts'
import { benchModels } from './models.ts'

/** Seconds of load a round, and rounds a side. */
const seconds = 4
const rounds = 3
const connections = 64

interface Side {
  readonly url: URL
  stop(): void
}

async function start(name: 'ours' | 'plain', models: readonly string[]): Promise<Side> {
  const child = fork(fileURLToPath(new URL(`./servers/${name}.ts`, import.meta.url)), [...models], {
    execArgv: ['--import', 'tsx'],
  })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { url: new URL(`http://127.0.0.1:${port}`), stop: () => child.kill('SIGKILL') }
}

/** Requests a second under load, and the event loop's p99 meanwhile. */
async function load({ url }: Side, model: string, body: string, duration = seconds) {
  await fetch(new URL('/delay', url))
  const { requests, errors, non2xx } = await autocannon({
    url: new URL(`/v2/models/${model}/infer`, url).href,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    connections,
    duration,
  })
  if (errors + non2xx > 0) throw new Error(`${errors} errors, ${non2xx} answers that were no success`)
  const { p99 } = (await (await fetch(new URL('/delay', url))).json()) as { p99: number }
  return { perSecond: requests.average, delay: p99 }
}

const bodies = {
  'mnist-mlp': () => ({
    name: 'input1',
    datatype: 'FP32',
    shape: [1, 784],
    data: Array.from({ length: 784 }, () => Math.round(Math.random() * 1e4) / 1e4),
  }),
  magika: () => ({
    name: 'bytes',
    datatype: 'INT32',
    shape: [1, 2048],
    data: Array.from({ length: 2048 }, () => Math.floor(Math.random() * 257)),
  }),
}

export const server: Bench = {
  name: 'server',
  what: `infer over real sockets, ${connections} connections, against Hono and onnxruntime-node that run each request alone on the event loop`,
  run: async ({ models }) => {
    const folders = await benchModels(models)
    const [ours, plain] = await Promise.all([start('ours', folders), start('plain', folders)])
    const results: Comparison[] = []
    for (const model of ['mnist-mlp', 'magika'] as const) {
      const body = JSON.stringify({ inputs: [bodies[model]()] })
      const rates = { ours: [] as number[], plain: [] as number[] }
      const ceilings: number[] = []
      const delays = { ours: [] as number[], plain: [] as number[] }
      for (let round = 0; round < rounds + 1; round++) {
        for (const [name, side] of [
          ['ours', ours],
          ['plain', plain],
        ] as const) {
          const { perSecond, delay } = await load(side, model, body, round === 0 ? 1 : seconds)
          if (round === 0) continue
          rates[name].push(perSecond)
          delays[name].push(delay)
        }
        if (model === 'magika' && round > 0) ceilings.push(await ceilingOf(models, seconds))
      }
      const [mine, theirs] = [median(rates.ours), median(rates.plain)]
      const least = model === 'mnist-mlp' ? 1.5 : 1
      results.push({
        bench: 'server',
        metric: `${model}, requests/s`,
        ours: mine,
        theirs,
        ratio: mine / theirs,
        reach: `≥ ${least}×`,
        ok: mine / theirs >= least,
      })
      if (model === 'magika') {
        const ceiling = median(ceilings)
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
      const [delay, other] = [median(delays.ours), median(delays.plain)]
      results.push({
        bench: 'server',
        metric: `${model}, event loop p99 ms; ratio: ours`,
        ours: delay,
        theirs: other,
        ratio: delay,
        reach: '≤ 20 ms',
        ok: delay <= 20,
      })
    }
    ours.stop()
    plain.stop()
    return results
  },
}
