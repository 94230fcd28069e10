import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServer } from '../support/server.ts'
import { digitsManifest, emptyFolder } from '../support/test-models.ts'
import { atMost, type Bench, type Comparison, median } from './bench-definition.ts'
import { bodies, type Input, inferBytes } from './infer-requests.ts'
import { buildServers } from './servers/build.ts'
import { startClient } from './servers/start.ts'

const rounds = 5
const textsEach = 40

const image: Input = {
  name: 'image',
  type: 'float32',
  shape: [1, 1, 28, 28],
  values: new Array(784).fill(0.5),
}

export const behind: Bench = {
  name: 'behind',
  description:
    'a built server in front of another, one request at a time: p50 ms of a run of digits and of the first byte of a stream, against the other one asked directly',
  run: async ({ isTrial }) => {
    const { client: file } = await buildServers()
    const back = await startServer()
    const front = await startServer({ SPILLWAY_MODELS: await frontFolder(back.url) })
    for (const server of [back, front]) server.dropLog()
    const client = startClient(file)
    const sides = {
      ours: { url: front.url, run: 'digits-behind', text: 'bard-behind' },
      theirs: { url: back.url, run: 'digits', text: 'bard' },
    }
    const ready = await fetch(new URL('v2/models/digits-behind/ready', front.url))
    if (!ready.ok) process.stderr.write(`  runs are skipped: ${await ready.text()}\n`)
    const runs = { ours: [] as number[], theirs: [] as number[] }
    const firsts = { ours: [] as number[], theirs: [] as number[] }
    for (let round = 0; round <= rounds; round++) {
      for (const name of ['ours', 'theirs'] as const) {
        const { url, run, text } = sides[name]
        const times: number[] = []
        for (let index = 0; index < textsEach; index++) times.push(await firstByteMs(url, text))
        // The first round warms up.
        if (round > 0) firsts[name].push(median(times))
        if (!ready.ok) continue
        const done = await client.load({
          port: Number(url.port),
          requests: [inferBytes(url, run, bodies.binary(image))],
          connections: 1,
          seconds: isTrial || round === 0 ? 1 : 3,
        })
        if (done.refused.length + done.broken > 0) throw new Error(JSON.stringify(done.statuses))
        if (round > 0) runs[name].push(median([...done.answered]))
      }
    }
    client.stop()
    await front.stop()
    await back.stop()
    const added = (metric: string, times: typeof runs, most: number): Comparison => {
      const [ours, theirs] = [median(times.ours), median(times.theirs)]
      return atMost(
        'behind',
        `${metric}; ratio: ms added`,
        { ours, theirs, ratio: ours - theirs },
        most,
        ' ms',
      )
    }
    return [
      ...(ready.ok ? [added('ms of a run, p50', runs, 1)] : []),
      added('ms to the first byte of a stream, p50', firsts, 2),
    ]
  },
}

/** Milliseconds from a request to the first byte of its stream, which is read to its end. */
async function firstByteMs(url: URL, model: string): Promise<number> {
  const since = performance.now()
  const response = await fetch(new URL('v1/completions', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, prompt: 'To', max_tokens: 2, ignore_eos: true, stream: true }),
  })
  let first = 0
  for await (const _part of response.body ?? []) first ||= performance.now() - since
  if (!response.ok) throw new Error(`${model}: ${response.status}`)
  return first
}

/** Folders of two models that another server runs. */
async function frontFolder(back: URL): Promise<string> {
  const folder = await emptyFolder()
  const bard = fileURLToPath(new URL('../../models/catalogue/bard/manifest.json', import.meta.url))
  const bardManifest: object = JSON.parse(await readFile(bard, 'utf8'))
  for (const { manifest, id, upstream } of [
    {
      manifest: digitsManifest,
      id: 'digits-behind',
      upstream: { protocol: 'oip', urls: [back.href], model: 'digits' },
    },
    {
      manifest: bardManifest,
      id: 'bard-behind',
      upstream: { protocol: 'openai', urls: [new URL('v1', back).href], model: 'bard' },
    },
  ]) {
    await mkdir(join(folder, id))
    await writeFile(join(folder, id, 'manifest.json'), JSON.stringify({ ...manifest, id, variants: [] }))
    await writeFile(join(folder, id, 'upstream.json'), JSON.stringify(upstream))
  }
  return folder
}
