import { bearer, testKey, writeKeys } from '../support/keys-file.ts'
import { startServer } from '../support/server.ts'
import { atMost, type Bench, median } from './bench-definition.ts'
import { bodies, inferBytes, inputs } from './infer-requests.ts'
import { mlpFolder } from './models.ts'
import { buildServers } from './servers/build.ts'
import { type CpuLoad, loadWithCpu } from './servers/load-with-cpu.ts'
import { startClient } from './servers/start.ts'

const connections = 64
const rounds = 5

const endless = '1000000000'
const limits = {
  SPILLWAY_KEY_REQUESTS_PER_MINUTE: endless,
  SPILLWAY_KEY_ROWS_PER_MINUTE: endless,
  SPILLWAY_KEY_CONCURRENT_REQUESTS: '100000',
}

export const auth: Bench = {
  name: 'auth',
  description: `CPU µs a run of mnist-mlp in binary over ${connections} connections, lanes included, of a server with keys and with limits of requests, rows and requests at once, against one without`,
  run: async ({ models, isTrial }) => {
    const { client: file } = await buildServers()
    const key = testKey('backend')
    const folder = { SPILLWAY_MODELS: await mlpFolder(models) }
    const sides = {
      ours: await startServer({ ...folder, ...limits, SPILLWAY_KEYS: await writeKeys(key) }),
      theirs: await startServer(folder),
    }
    const client = startClient(file)
    const { headers, body } = bodies.binary(inputs['mnist-mlp']())
    const loads = { ours: [] as CpuLoad[], theirs: [] as CpuLoad[] }
    for (const side of Object.values(sides)) side.dropLog()
    for (let round = 0; round <= rounds; round++) {
      for (const name of ['ours', 'theirs'] as const) {
        const withKey = name === 'ours' ? { ...headers, ...bearer(key.key) } : headers
        const measured = await loadWithCpu(client, sides[name], {
          requests: [inferBytes(sides[name].url, 'mnist-mlp', { headers: withKey, body })],
          connections,
          seconds: isTrial || round === 0 ? 1 : 3,
        })
        if (round > 0) loads[name].push(measured)
      }
    }
    client.stop()
    await Promise.all(Object.values(sides).map((side) => side.stop()))
    const cpu = (name: keyof typeof loads) => 1_000 * median(loads[name].map(({ cpu }) => cpu))
    const times = { ours: cpu('ours'), theirs: cpu('theirs') }
    const added = times.ours / times.theirs - 1
    return [atMost('auth', 'CPU µs a request; ratio: share added', { ...times, ratio: added }, 0.1)]
  },
}
