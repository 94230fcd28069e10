import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAccess } from '../../../server/auth/access.ts'
import { Keys } from '../../../server/auth/keys.ts'
import { Tokens } from '../../../server/auth/tokens.ts'
import { bearer, testKey, writeKeys } from '../keys-file.ts'
import { startServer, type TestServer } from '../server.ts'
import { kindGraphs, kindManifests } from '../tensor-kinds.ts'
import { startTestApp } from '../test-app.ts'
import { emptyFolder, modelFolder } from '../test-models.ts'
import { embedderFolder } from '../write-model.ts'
import type { Route } from './fuzz-requests.ts'
import { type Fuzzed, type FuzzOptions, fuzzServer } from './fuzz-server.ts'

export interface FuzzTarget {
  readonly server: TestServer
  fuzz(options: Pick<FuzzOptions, 'seed' | 'count'>): Promise<Fuzzed>
}

/** The built server with models of every kind and with keys, and random requests for every route of its app. */
export async function startFuzz(): Promise<FuzzTarget> {
  const folders = [
    await embedderFolder(),
    ...(await Promise.all((['cities', 'twoOutputs', 'anyShape'] as const).map(folderOf))),
  ]
  const backend = testKey('backend')
  const operator = testKey('operator', { kind: 'admin' })
  const routes = await routesOfApp()
  const server = await startServer({
    SPILLWAY_MODELS: folders.join(':'),
    // A request without `max_tokens` would write for as long as the model can.
    SPILLWAY_MAX_TIMEOUT_SECONDS: '2',
    SPILLWAY_KEYS: await writeKeys(backend, operator, testKey('shop', { origins: ['https://shop.example'] })),
  })
  const fuzz: FuzzTarget['fuzz'] = async ({ seed, count }) => {
    const called = await fuzzServer(server, { routes, credentials: bearer(backend.key), seed, count })
    const administered = await fuzzServer(server, {
      routes: routes.filter(({ path }) => path.startsWith('/v2/repository/')),
      credentials: bearer(operator.key),
      seed,
      count: Math.ceil(count / 20),
    })
    await loadAll(server, bearer(operator.key))
    return {
      statuses: called.statuses,
      faults: [...new Set([...called.faults, ...administered.faults])],
    }
  }
  return { server, fuzz }
}

/** Offers all models again, of which some were unloaded. */
async function loadAll({ url }: TestServer, headers: Record<string, string>): Promise<void> {
  const repository = new URL('v2/repository/', url)
  const list = await fetch(new URL('index', repository), { method: 'POST', headers })
  const models: readonly { readonly name: string }[] = await list.json()
  for (const { name } of models) {
    const { status } = await fetch(new URL(`models/${name}/load`, repository), { method: 'POST', headers })
    if (status !== 200) throw new Error(`${name} could not be loaded again: ${status}`)
  }
}

async function folderOf(kind: keyof typeof kindGraphs): Promise<string> {
  const file = join(await emptyFolder(), 'model.onnx')
  await writeFile(file, kindGraphs[kind])
  return modelFolder(file, kindManifests[kind])
}

/** All routes of the app, and files of the site. */
async function routesOfApp(): Promise<Route[]> {
  const tokens = new Tokens({ secret: 'x'.repeat(32), seconds: 600 })
  const app = await startTestApp({ access: createAccess(new Keys([]), tokens) })
  app.close()
  const site = ['/', '/index.html', '/embed.js', '/assets/*'].map((path) => ({ method: 'GET', path }))
  const own = app.routes.filter(({ method }) => method !== 'ALL')
  // A route with several handlers is listed once for each.
  return [...new Map([...own, ...site].map((route) => [`${route.method} ${route.path}`, route])).values()]
}
