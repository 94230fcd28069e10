import { connect } from 'node:net'
import { startServer } from '../support/server.ts'
import { atMost, type Bench, type Comparison, percentile } from './bench-definition.ts'
import { type Body, bodies, inferBytes, inputs, ofCallers, postBytes } from './infer-requests.ts'
import { magikaFolder } from './models.ts'
import { buildServers } from './servers/build.ts'
import type { Done } from './servers/client.ts'
import { startClient } from './servers/start.ts'

const callers = 20
/** Requests a second of all polite callers together: a quarter of what two cores answer. */
const perSecond = 40
const slowConnections = 200

const asHostile = ({ headers, body }: Body): Body => ({
  headers: { ...headers, authorization: 'Bearer hostile' },
  body,
})

/** What the hostile caller does, each over so many connections that ask again as soon as they are answered. */
const attacks: readonly {
  readonly name: string
  readonly connections: number
  request(url: URL): Buffer
}[] = [
  {
    name: 'a flood of runs',
    connections: 200,
    request: (url) => inferBytes(url, 'magika', asHostile(bodies.binary(inputs.magika()))),
  },
  {
    name: '128 texts a request',
    connections: 8,
    request: (url) => {
      const body = JSON.stringify({ model: 'bard', prompt: 'To', n: 128, max_tokens: 100, ignore_eos: true })
      return postBytes(
        url,
        '/v1/completions',
        asHostile({ headers: { 'content-type': 'application/json' }, body }),
      )
    },
  },
  {
    name: 'bodies of 30 MB',
    connections: 4,
    request: (url) => {
      const rows = 19_000
      const data = `[${'0,'.repeat(rows * 784 - 1)}0]`
      const body = `{"inputs":[{"name":"image","datatype":"FP32","shape":[${rows},1,28,28],"data":${data}}]}`
      return inferBytes(url, 'digits', asHostile({ headers: { 'content-type': 'application/json' }, body }))
    },
  },
]

export const hostile: Bench = {
  name: 'hostile',
  description: `p99 ms of ${callers} callers that ask for ${perSecond} runs of magika a second together, beside one hostile caller, against the same callers alone: ${attacks.map(({ name }) => name).join(', ')}; then all of these and bodies that never end`,
  run: async ({ models, isTrial }) => {
    const { client: file } = await buildServers()
    const server = await startServer({ SPILLWAY_MODELS: await magikaFolder(models) })
    server.dropLog()
    const port = Number(server.url.port)
    const polite = startClient(file)
    const seconds = isTrial ? 6 : 30
    const requests = ofCallers(server.url, callers)
    const ask = () => polite.load({ port, requests, seconds, perSecond, connections: 1_000 })
    await polite.load({ port, requests, seconds: 3, connections: 16 })
    const alone = await ask()

    const results: Comparison[] = []
    const measureBeside = async (what: string, kinds: typeof attacks) => {
      const clients = kinds.map(({ connections, request }) => {
        const client = startClient(file)
        // Until it is stopped.
        const load = { port, requests: [request(server.url)], connections, seconds: 3_600 }
        client.load(load).catch(() => undefined)
        return client
      })
      await pause(2_000)
      const beside = await ask()
      for (const client of clients) client.stop()
      process.stderr.write(`  beside ${what}: answers by status ${JSON.stringify(beside.statuses)}\n`)
      results.push(...comparisons(what, beside, alone))
      // What it asked for is done, or given up.
      await pause(2_000)
    }
    for (const attack of attacks) await measureBeside(attack.name, [attack])
    const slow = Array.from({ length: slowConnections }, () => startSlowBody(port))
    await measureBeside('all of it', attacks)
    for (const stop of slow) stop()
    polite.stop()
    await server.stop()
    return results
  },
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

function comparisons(what: string, beside: Done, alone: Done): Comparison[] {
  const ours = percentile([...beside.answered], 0.99)
  const theirs = percentile([...alone.answered], 0.99)
  const failed = beside.refused.length + beside.broken
  return [
    atMost('hostile', `ms p99 of the others beside ${what}`, { ours, theirs, ratio: ours / theirs }, 3, '×'),
    atMost(
      'hostile',
      `requests of the others that failed beside ${what}`,
      { ours: failed, theirs: alone.broken },
      0,
    ),
  ]
}

/** A body that comes byte by byte and never ends, longer than this bench takes. */
function startSlowBody(port: number): () => void {
  const head =
    'POST /v2/models/magika/infer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer hostile\r\ncontent-length: 100000\r\n\r\n{'
  const socket = connect(port, '127.0.0.1', () => socket.write(head))
  socket.on('error', () => {})
  socket.resume()
  const timer = setInterval(() => socket.write(' '), 500)
  return () => {
    clearInterval(timer)
    socket.destroy()
  }
}
