import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { forwardedManifest } from '../support/forwarding-server.ts'
import { startServer } from '../support/server.ts'
import { emptyFolder } from '../support/test-models.ts'
import { writeUpstream } from '../support/upstream-front.ts'
import { atMost, type Bench, median } from './bench-definition.ts'
import { bodies, type Input, inferBytes } from './infer-requests.ts'
import { buildServers } from './servers/build.ts'
import { start, startClient } from './servers/start.ts'

const rounds = 5

/** One row of `digits`. */
const row: Input = {
  name: 'image',
  type: 'float32',
  shape: [1, 1, 28, 28],
  values: Array.from({ length: 784 }, (_, index) => (index % 17) / 17),
}

export const upstream: Bench = {
  name: 'upstream',
  description:
    'a Spillway in front of another: the median of one row of `digits`, one at a time, and the time to the first event of a text of `bard`, against the same requests of the one behind; and a bare proxy in its place',
  run: async ({ isTrial }) => {
    const behind = await startServer()
    const folder = await emptyFolder()
    await writeUpstream(folder, 'there', { model: 'digits', urls: [behind.url.href] })
    await writeTexts(folder, 'writer', new URL('v1', behind.url))
    const front = await startServer({ SPILLWAY_MODELS: folder })
    for (const server of [behind, front]) server.dropLog()
    const files = await buildServers()
    const proxy = await start(files.proxy, [behind.url.origin])
    const client = startClient(files.client)
    const body = bodies.binary(row)
    const runMs = async (url: URL, model: string) => {
      const requests = [inferBytes(url, model, body)]
      const done = await client.load({
        port: Number(url.port),
        requests,
        connections: 1,
        seconds: isTrial ? 0.5 : 3,
      })
      return median([...done.answered])
    }
    const runs = await inTurns(
      rounds,
      () => runMs(front.url, 'there'),
      () => runMs(behind.url, 'digits'),
    )
    const bare = await inTurns(
      rounds,
      () => runMs(front.url, 'there'),
      () => runMs(proxy.url, 'digits'),
    )
    const texts = await inTurns(
      isTrial ? 10 : 100,
      () => firstEventMs(front.url, 'writer'),
      () => firstEventMs(behind.url, 'bard'),
    )
    client.stop()
    proxy.stop()
    await Promise.all([front.stop(), behind.stop()])
    return [
      atMost('upstream', 'added ms of a run, p50', { ...runs, ratio: runs.ours - runs.theirs }, 1, ' ms'),
      atMost(
        'upstream',
        'added ms of a run, p50, against a bare proxy',
        { ...bare, ratio: bare.ours - bare.theirs },
        1,
        ' ms',
      ),
      atMost(
        'upstream',
        "added ms to a text's first event, p50",
        { ...texts, ratio: texts.ours - texts.theirs },
        2,
        ' ms',
      ),
    ]
  },
}

/** The medians of two sides that take turns, after a first turn that does not count. */
async function inTurns(turns: number, ours: () => Promise<number>, theirs: () => Promise<number>) {
  const taken: { readonly ours: number; readonly theirs: number }[] = []
  for (let turn = 0; turn <= turns; turn++) {
    const measured = { ours: await ours(), theirs: await theirs() }
    if (turn > 0) taken.push(measured)
  }
  return { ours: median(taken.map((one) => one.ours)), theirs: median(taken.map((one) => one.theirs)) }
}

async function firstEventMs(url: URL, model: string): Promise<number> {
  const body = JSON.stringify({ model, prompt: 'To be', max_tokens: 4, stream: true })
  const startedAt = performance.now()
  const response = await fetch(new URL('v1/completions', url), { method: 'POST', body })
  const reader = response.body?.getReader()
  await reader?.read()
  const ms = performance.now() - startedAt
  while (!(await reader?.read())?.done);
  return ms
}

async function writeTexts(folder: string, id: string, url: URL): Promise<void> {
  await mkdir(join(folder, id))
  await writeFile(join(folder, id, 'manifest.json'), JSON.stringify(forwardedManifest(id)))
  const upstream = { protocol: 'openai', urls: [url.href], model: 'bard' }
  await writeFile(join(folder, id, 'upstream.json'), JSON.stringify(upstream))
}
