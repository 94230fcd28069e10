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
  const routes = await routesOfApp()
  const server = await startServer({
    SPILLWAY_MODELS: folders.join(':'),
    // A request without `max_tokens` would write for as long as the model can.
    SPILLWAY_MAX_TIMEOUT_SECONDS: '2',
    SPILLWAY_KEYS: await writeKeys(backend, testKey('shop', { origins: ['https://shop.example'] })),
  })
  const credentials = bearer(backend.key)
  return { server, fuzz: (options) => fuzzServer(server, { routes, credentials, ...options }) }
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
