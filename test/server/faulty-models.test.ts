import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, describe, expect, test } from 'vitest'
import { type RepositoryModel, repositoryIndex } from '../../models/protocols/oip-repository.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'
import { digitsManifest, emptyFolder, writeDigits } from '../support/test-models.ts'

const body = JSON.stringify({
  inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0.5) }],
})

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** An app with the models of a folder, and what its log says. */
async function start(folder: string) {
  const messages: string[] = []
  const log = pino({}, { write: (line: string) => void messages.push(JSON.parse(line).msg) })
  const app = await startTestApp({ models: [folder], log })
  closers.push(() => app.close())
  return { app, messages }
}

const post = (app: TestApp, path: string) => app.request(`/v2/${path}`, { method: 'POST' })

/** The version that answers, or the status. */
async function infer(app: TestApp, path: string): Promise<unknown> {
  const response = await app.request(`/v2/models/${path}/infer`, { method: 'POST', body })
  return response.ok ? (await response.json()).model_version : response.status
}

async function entriesOf(app: TestApp, model: string): Promise<RepositoryModel[]> {
  const answer = await (await post(app, 'repository/index')).json()
  return repositoryIndex.parse(answer).filter(({ name }) => name === model)
}

const weights = (folder: string) => join(folder, digitsManifest.variants[0]?.files[0]?.path ?? expect.fail())
const spoil = (folder: string) => writeFile(weights(folder), 'nothing')

describe('a model with a fault', () => {
  test('keeps no other one from being offered at the start, and is listed with the reason', async () => {
    const folder = await emptyFolder()
    for (const name of ['good', 'bad', 'engine']) await writeDigits(folder, name)
    await writeFile(join(folder, 'bad', 'manifest.json'), '{"id": "badly", "version": "2"}')
    await writeFile(join(folder, 'engine', 'upstream.json'), '{"protocol": "none"}')
    await writeFile(join(folder, 'hub.json'), '[1]')
    const { app, messages } = await start(folder)
    expect(await infer(app, 'good')).toBe('1')
    expect([await infer(app, 'badly'), await infer(app, 'engine')]).toEqual([404, 404])
    expect(await entriesOf(app, 'badly')).toEqual([
      { name: 'badly', version: '2', state: 'UNAVAILABLE', reason: expect.stringContaining('not valid') },
    ])
    expect(await entriesOf(app, 'engine')).toMatchObject([{ state: 'UNAVAILABLE', version: '1' }])
    for (const name of ['bad', 'engine'])
      expect(messages).toContain(`${join(folder, name)} has a fault: its model is not offered`)
    expect(messages).toContain('A list of models on the hub cannot be read')
  })

  test('keeps no other one from being reread, and what it offered before', async () => {
    const folder = await emptyFolder()
    for (const name of ['stays', 'goes']) await writeDigits(folder, name)
    const { app, messages } = await start(folder)
    await writeFile(join(folder, 'stays', 'manifest.json'), 'nothing')
    await rm(join(folder, 'goes'), { recursive: true })
    await writeDigits(folder, 'comes')
    expect(await app.reread()).toMatchObject([{ code: 'manifest_invalid' }])
    expect([await infer(app, 'stays'), await infer(app, 'comes'), await infer(app, 'goes')]).toEqual([
      '1',
      '1',
      404,
    ])
    expect(messages).toContain(
      `${join(folder, 'stays')} could not be reread: what it had before is still offered`,
    )
    // It does not count for another model that is loaded on demand.
    await writeDigits(folder, 'more')
    expect((await post(app, 'repository/models/more/load')).status).toBe(200)
    expect((await post(app, 'repository/models/stays/load')).status).toBe(500)
    expect(await entriesOf(app, 'stays')).toMatchObject([
      { state: 'READY', reason: expect.stringContaining('could not be loaded') },
    ])
    await rm(join(folder, 'stays'), { recursive: true })
    await writeDigits(folder, 'stays')
    expect(await app.reread()).toEqual([])
    expect(await entriesOf(app, 'stays')).toMatchObject([{ state: 'READY', reason: '' }])
  })

  test('and a folder that cannot be read offer what they did', async () => {
    const folder = await emptyFolder()
    await writeDigits(folder, 'kept')
    const { app } = await start(folder)
    await rename(folder, `${folder}-away`)
    expect(await app.reread()).toMatchObject([{ code: 'file_missing' }])
    expect(await infer(app, 'kept')).toBe('1')
    await rename(`${folder}-away`, folder)
    expect(await app.reread()).toEqual([])
  })

  test('whose changed files cannot be loaded is listed as it is offered, with the reason', async () => {
    const folder = await emptyFolder()
    await writeDigits(folder, 'a', { id: 'one' })
    const { app } = await start(folder)
    await writeDigits(folder, 'b', { id: 'one', title: 'Changed' })
    await spoil(join(folder, 'b'))
    await app.reread()
    expect(await infer(app, 'one')).toBe('1')
    expect(await entriesOf(app, 'one')).toMatchObject([
      { state: 'READY', reason: expect.stringContaining('could not be loaded') },
    ])
  })
})

test('the newest version that could be loaded at the start is the default', async () => {
  const folder = await emptyFolder()
  for (const version of ['1', '2', '3']) await writeDigits(folder, version, { id: 'three', version })
  for (const version of ['2', '3']) await spoil(join(folder, version))
  const { app, messages } = await start(folder)
  expect(await infer(app, 'three')).toBe('1')
  const { models } = await (await app.request('/models/catalogue.json')).json()
  expect(models.find(({ id }: { readonly id: string }) => id === 'three').version).toBe('1')
  expect(messages).toContainEqual(expect.stringMatching(/^three answers with version 1: [23] could not be/))
  expect(await entriesOf(app, 'three')).toMatchObject([
    { version: '3', state: 'UNAVAILABLE', reason: expect.stringContaining('version 1 is the default') },
    { version: '2', state: 'UNAVAILABLE' },
    { version: '1', state: 'READY', reason: '' },
  ])
  await rm(join(folder, '3'), { recursive: true })
  await writeDigits(folder, '3', { id: 'three', version: '3' })
  await app.reread()
  expect(await infer(app, 'three')).toBe('3')
  expect(messages).toContain('three answers with version 3 again')
})
