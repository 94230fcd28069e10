import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { type RepositoryModel, repositoryIndex } from '../../models/protocols/oip-repository.ts'
import { createAccess } from '../../server/auth/access.ts'
import { Keys } from '../../server/auth/keys.ts'
import { Tokens } from '../../server/auth/tokens.ts'
import { bearer, testKey, writeKeys } from '../support/keys-file.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { startServer } from '../support/server.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'
import { digitsManifest, emptyFolder, writeDigits } from '../support/test-models.ts'

const image = { name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0.5) }

const post = (app: TestApp, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  app.request(`/v2/${path}`, {
    method: 'POST',
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })

const infer = (app: TestApp, model: string) => post(app, `models/${model}/infer`, { inputs: [image] })

async function entriesOf(app: TestApp, model: string, request?: object): Promise<RepositoryModel[]> {
  const answer = await (await post(app, 'repository/index', request)).json()
  return repositoryIndex.parse(answer).filter(({ name }) => name === model)
}

describe('the model repository', () => {
  const clock = createManualClock()
  let app: TestApp
  let folder: string
  beforeAll(async () => {
    folder = await emptyFolder()
    await writeDigits(folder, 'a', { id: 'twice', version: '1' })
    await writeDigits(folder, 'b', { id: 'twice', version: '2' })
    await writeDigits(folder, 'broken')
    await writeFile(join(folder, 'broken', digitsManifest.variants[0]?.files[0]?.path ?? ''), 'nothing')
    app = await startTestApp({ models: [folder], clock })
  })
  afterAll(() => app.close())

  const sessions = (model: string) =>
    app.inference
      .stats()
      .lanes.flatMap((lane) => lane.sessions)
      .filter(({ session }) => session.startsWith(`${model}@`))

  test('lists every version with its state, or those that are ready', async () => {
    expect(await entriesOf(app, 'twice')).toEqual([
      { name: 'twice', version: '2', state: 'READY', reason: '' },
      { name: 'twice', version: '1', state: 'READY', reason: '' },
    ])
    const [broken] = await entriesOf(app, 'broken', {})
    expect(broken).toMatchObject({ version: '1', state: 'UNAVAILABLE' })
    expect(broken?.reason).toContain('model.onnx')
    expect(await entriesOf(app, 'broken', { ready: true })).toEqual([])
    expect((await post(app, 'repository/index', { ready: 'yes' })).status).toBe(400)
    const { extensions } = await (await app.request('/v2')).json()
    expect(extensions).toContain('model_repository')
  })

  test('unloads a model: its requests are refused, and its memory is freed', async () => {
    expect(sessions('twice')).toHaveLength(2)
    const running = infer(app, 'twice')
    const answer = await post(app, 'repository/models/twice/unload', {
      parameters: { unload_dependents: true },
    })
    expect([answer.status, await answer.text()]).toEqual([200, ''])
    expect([200, 404]).toContain((await running).status)
    expect(await entriesOf(app, 'twice')).toMatchObject([
      { version: '2', state: 'UNAVAILABLE', reason: 'unloaded' },
      { version: '1', state: 'UNAVAILABLE', reason: 'unloaded' },
    ])
    for (const path of ['twice', 'twice/versions/1']) {
      const refused = await infer(app, path)
      expect([refused.status, refused.headers.get(errorCodeHeader)]).toEqual([404, 'model_unknown'])
      expect((await refused.json()).error).toContain('POST /v2/repository/models/twice/load loads it')
      expect((await app.request(`/v2/models/${path}/ready`)).status).toBe(503)
    }
    expect((await (await app.request('/v2/health/ready')).json()).not_ready).toEqual(
      expect.arrayContaining(['twice/versions/1', 'twice/versions/2']),
    )
    // Devices still run it.
    expect((await app.request('/models/twice/manifest.json')).status).toBe(200)
    await app.reread()
    expect((await infer(app, 'twice')).status).toBe(404)
    clock.advance(30_000)
    await expect.poll(() => sessions('twice')).toEqual([])
  })

  test('loads it again', async () => {
    const answer = await post(app, 'repository/models/twice/load', {})
    expect([answer.status, await answer.text()]).toEqual([200, ''])
    expect(await entriesOf(app, 'twice', { ready: true })).toHaveLength(2)
    for (const path of ['twice', 'twice/versions/1']) expect((await infer(app, path)).status).toBe(200)
    // One that was loaded again before its memory was freed keeps it.
    await post(app, 'repository/models/twice/unload')
    await post(app, 'repository/models/twice/load')
    clock.advance(60_000)
    expect((await infer(app, 'twice')).status).toBe(200)
    expect(sessions('twice')).toHaveLength(2)
  })

  test('says why a model cannot be loaded, and loads it when it has been repaired', async () => {
    const failed = await post(app, 'repository/models/broken/load')
    expect(failed.status).toBe(500)
    expect((await failed.json()).error).toContain('model.onnx')
    await rm(join(folder, 'broken'), { recursive: true })
    await writeDigits(folder, 'broken')
    expect((await post(app, 'repository/models/broken/load')).status).toBe(200)
    expect(await entriesOf(app, 'broken')).toMatchObject([{ state: 'READY', reason: '' }])
  })

  test('loads a model whose folder has come, and no other', async () => {
    expect((await post(app, 'repository/models/added/load')).status).toBe(404)
    await writeDigits(folder, 'added')
    await writeDigits(folder, 'other')
    expect((await post(app, 'repository/models/added/load')).status).toBe(200)
    expect((await infer(app, 'added')).status).toBe(200)
    expect((await infer(app, 'other')).status).toBe(404)
  })

  test.each([
    ['load', { config: '{}' }],
    ['load', { 'file:1/model.onnx': 'AAAA' }],
    ['unload', { force: true }],
  ])('refuses to %s with %j, which would be passed over', async (action, parameters) => {
    const answer = await post(app, `repository/models/digits/${action}`, { parameters })
    expect([answer.status, answer.headers.get(errorCodeHeader)]).toEqual([400, 'not_supported'])
    expect((await infer(app, 'digits')).status).toBe(200)
  })

  test('is for programs on this machine only, where there are no keys', async () => {
    for (const headers of [{ origin: 'http://localhost' }, { 'x-forwarded-for': '192.0.2.1' }]) {
      const answer = await post(app, 'repository/models/digits/unload', undefined, headers)
      expect([answer.status, answer.headers.get(errorCodeHeader)]).toEqual([403, 'access_denied'])
    }
    expect((await infer(app, 'digits')).status).toBe(200)
  })

  test('does not unload a model that there is not', async () => {
    expect((await post(app, 'repository/models/nothing/unload')).status).toBe(404)
  })
})

const admin = testKey('operator', { kind: 'admin' })
const backend = testKey('backend')

test('on a server with keys, models are loaded and unloaded with a key of kind admin only', async () => {
  const keys = new Keys([admin.entry, backend.entry])
  const tokens = new Tokens({ secret: undefined, seconds: 600 })
  const app = await startTestApp({ access: createAccess(keys, tokens) })
  const unload = (headers: Record<string, string>) =>
    post(app, 'repository/models/digits/unload', undefined, headers)
  expect((await unload({})).status).toBe(401)
  const denied = await unload(bearer(backend.key))
  expect([denied.status, (await denied.json()).error]).toEqual([403, expect.stringContaining('--admin')])
  expect((await unload(bearer(admin.key))).status).toBe(200)
  expect((await post(app, 'repository/models/digits/load', {}, bearer(backend.key))).status).toBe(403)
  expect((await post(app, 'repository/models/digits/load', {}, bearer(admin.key))).status).toBe(200)
  // It is a key like others, besides.
  for (const { key } of [admin, backend]) {
    expect((await post(app, 'repository/index', {}, bearer(key))).status).toBe(200)
    expect((await post(app, 'models/digits/infer', { inputs: [image] }, bearer(key))).status).toBe(200)
  }
  app.close()
})

test('where there is a port for administrators, models are loaded and unloaded there, with a key', async () => {
  const server = await startServer({
    SPILLWAY_ADMIN_PORT: '0',
    SPILLWAY_KEYS: await writeKeys(admin, backend),
  })
  const { port } = server.log.find(({ msg }) => String(msg).startsWith('Administration is on')) ?? {}
  const call = (base: URL | string, path: string, key?: string) =>
    fetch(new URL(`v2/repository/${path}`, base), { method: 'POST', headers: key ? bearer(key) : {} })
  const own = `http://127.0.0.1:${port}/`
  for (const path of ['index', 'models/digits/load', 'models/digits/unload']) {
    expect((await call(own, path)).status).toBe(401)
    expect((await call(own, path, backend.key)).status).toBe(403)
    expect((await call(own, path, admin.key)).status).toBe(200)
  }
  expect((await call(server.url, 'index', backend.key)).status).toBe(200)
  expect((await call(server.url, 'models/digits/load', admin.key)).status).toBe(404)
  expect(await server.stop()).toBe(0)
})
