import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { modelFile } from '../../models/core/index.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'
import { digitsManifest, emptyFolder, writeDigits } from '../support/test-models.ts'

const only = (id: string) => ({ variants: digitsManifest.variants.filter((variant) => variant.id === id) })
const fp32 = only('fp32')
const q8 = only('q8')

/** A folder with two versions of a model, which differ in their variants. */
async function twoVersions(): Promise<string> {
  const folder = await emptyFolder()
  // Read before the older one, whose version would be the larger text.
  await writeDigits(folder, 'a', { id: 'twice', version: '10', ...fp32, title: 'Newer' })
  await writeDigits(folder, 'b', { id: 'twice', version: '9', ...q8, title: 'Older' })
  return folder
}

const get = async (app: TestApp, path: string) => (await app.request(path)).json()

const body = JSON.stringify({
  inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0.5) }],
})

/** The variant that answers, or the status. */
async function infer(app: TestApp, path: string): Promise<unknown> {
  const response = await app.request(`/v2/models/${path}/infer`, { method: 'POST', body })
  return response.ok ? (await response.json()).parameters.variant : response.status
}

const versionsOf = async (app: TestApp): Promise<unknown> => (await get(app, '/v2/models/twice')).versions

describe('two versions of a model', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startTestApp({ models: [await twoVersions()] })
  })
  afterAll(() => app.close())

  test('each answer at their own path, and the newest at the path without a version', async () => {
    expect(await infer(app, 'twice/versions/9')).toBe('q8')
    expect(await infer(app, 'twice/versions/10')).toBe('fp32')
    expect(await infer(app, 'twice')).toBe('fp32')
    expect(await infer(app, 'twice/versions/8')).toBe(404)
    const unknown = await get(app, '/v2/models/twice/versions/8')
    expect(unknown.error).toContain('expected version 10 or 9')
  })

  test('are both in the metadata', async () => {
    for (const path of ['twice', 'twice/versions/9', 'twice/versions/10'])
      expect(await get(app, `/v2/models/${path}`)).toMatchObject({ name: 'twice', versions: ['10', '9'] })
    expect(await get(app, '/v2/models/twice/versions/9/ready')).toEqual({ name: 'twice', ready: true })
  })

  test('are counted apart', async () => {
    await infer(app, 'twice/versions/9')
    const metrics = await (await app.request('/metrics')).text()
    const counts = ['9', '10'].map((version) =>
      Number(
        new RegExp(`^nv_inference_count\\{model="twice",version="${version}"\\} (\\d+)`, 'm').exec(
          metrics,
        )?.[1],
      ),
    )
    expect(counts).toEqual([expect.any(Number), expect.any(Number)])
    for (const count of counts) expect(count).toBeGreaterThan(0)
  })

  test('give pages the newest, and the files of both', async () => {
    const { models } = await get(app, '/models/catalogue.json')
    const listed = models.filter(({ id }: { id: string }) => id === 'twice')
    expect(listed).toMatchObject([{ version: '10', title: 'Newer' }])
    expect(await get(app, '/models/twice/manifest.json')).toMatchObject({ version: '10' })
    const [newer, older] = [fp32, q8].map(({ variants }) => variants[0]?.files[0] ?? expect.fail('no file'))
    for (const file of [newer, older]) {
      const response = await app.request(`/models/twice/${modelFile(file ?? expect.fail('no file'))}`)
      expect([response.status, response.headers.get('etag')]).toEqual([200, `"${file?.sha256}"`])
      await response.body?.cancel()
    }
    expect((await app.request(`/models/twice/${older?.path}`)).status).toBe(404)
  })
})

test('versions come and go when the models are reread', async () => {
  const folder = await emptyFolder()
  await writeDigits(folder, 'a', { id: 'twice', version: '1', ...q8 })
  const app = await startTestApp({ models: [folder] })
  await writeDigits(folder, 'b', { id: 'twice', version: '2', ...fp32 })
  await app.reread()
  expect(await versionsOf(app)).toEqual(['2', '1'])
  expect([await infer(app, 'twice'), await infer(app, 'twice/versions/1')]).toEqual(['fp32', 'q8'])

  // A version that cannot be loaded is not offered.
  await writeDigits(folder, 'c', { id: 'twice', version: '3', ...fp32 })
  await writeFile(join(folder, 'c', fp32.variants[0]?.files[0]?.path ?? ''), 'nothing')
  await app.reread()
  expect(await versionsOf(app)).toEqual(['2', '1'])
  expect(await infer(app, 'twice')).toBe('fp32')

  await rm(join(folder, 'c'), { recursive: true })
  await rm(join(folder, 'b'), { recursive: true })
  await app.reread()
  expect(await versionsOf(app)).toEqual(['1'])
  expect([await infer(app, 'twice'), await infer(app, 'twice/versions/2')]).toEqual(['q8', 404])

  // A version that comes in place of another takes over when it has been loaded.
  await rm(join(folder, 'a'), { recursive: true })
  await writeDigits(folder, 'd', { id: 'twice', version: '0.9', ...fp32 })
  const reread = app.reread()
  expect(await infer(app, 'twice')).toBe('q8')
  await reread
  expect(await versionsOf(app)).toEqual(['0.9'])
  expect([await infer(app, 'twice'), await infer(app, 'twice/versions/1')]).toEqual(['fp32', 404])
  app.close()
})
