import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock as clock } from '../../models/async/clock.ts'
import { listLocal, openLocal } from '../../web/node/lanes/local-sources.ts'
import { digitsManifest, emptyFolder } from '../support/test-models.ts'

let folder: string
let models: URL
beforeAll(async () => {
  folder = await emptyFolder()
  await mkdir(join(folder, 'digits'))
  await mkdir(join(folder, 'wrong'))
  await writeFile(join(folder, 'digits/manifest.json'), JSON.stringify(digitsManifest))
  await writeFile(join(folder, 'wrong/manifest.json'), '{')
  models = pathToFileURL(`${folder}/`)
})
afterAll(() => rm(folder, { recursive: true }))

const open = (source: string, from = models) => openLocal(source, { models: from, hub: {}, clock })

describe('a model of this machine', () => {
  test.each([
    ['its id in the folder of models', () => 'digits'],
    ['the path of its folder', () => join(folder, 'digits')],
    ['a path from here', () => `./${relative(process.cwd(), join(folder, 'digits'))}`],
    ['the path of its manifest', () => join(folder, 'digits/manifest.json')],
    ['an address', () => new URL('digits', models).href],
  ])('is found by %s', async (_what, source) => {
    const found = open(source())
    const manifest = await found.fetch()
    expect(manifest).toEqual(digitsManifest)
    const [file] = manifest.variants[0]?.files ?? []
    expect(file && found.locate(manifest, file).url.href).toBe(
      pathToFileURL(join(folder, 'digits', file?.path ?? '')).href,
    )
  })

  test.each([
    ['nowhere', 'model_unknown'],
    ['wrong', 'manifest_invalid'],
  ])('is refused where "%s" has none', async (source, code) => {
    await expect(open(source).fetch()).rejects.toMatchObject({
      code,
      message: expect.stringContaining(folder),
    })
  })

  test('is no id of a server, and no repository of the hub', () => {
    expect(open('digits', new URL('http://localhost/models/')).address).toBe(
      'http://localhost/models/digits/manifest.json',
    )
    expect(open('hf:owner/name').address).toBe('hf:owner/name@main')
  })

  test('is listed with the others of its folder', async () => {
    await writeFile(join(folder, 'hub.json'), '[]')
    expect(await listLocal(models, { clock }).catch(({ code }) => code)).toBe('manifest_invalid')
    await rm(join(folder, 'wrong'), { recursive: true })
    expect(await listLocal(models, { clock })).toEqual({ models: [digitsManifest], hub: [] })
    await expect(listLocal(new URL('none/', models), { clock })).rejects.toMatchObject({
      code: 'model_unknown',
    })
  })
})
