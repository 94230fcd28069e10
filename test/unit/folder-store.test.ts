import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { cacheFolder } from '../../web/node/lanes/cache-folder.ts'
import { createFolderStorage } from '../../web/node/lanes/folder-storage.ts'
import { FolderStore } from '../../web/node/lanes/folder-store.ts'
import { ModelFolders } from '../../web/node/lanes/model-folders.ts'
import type { Progress } from '../../web/store/worker/load-files.ts'
import { type FileServer, randomBytes, sha256Of, startFileServer } from '../support/file-server.ts'
import { emptyFolder } from '../support/test-models.ts'

const model = { id: 'm', version: '1', variant: 'q8' }
const bytes = randomBytes(300_000)

let root: string
let server: FileServer
beforeEach(async () => {
  root = await emptyFolder()
  server = await startFileServer(bytes)
})
afterEach(async () => {
  await server.stop()
  await rm(root, { recursive: true })
})

/** The store as a process opens it. */
const open = () => {
  const folders = new ModelFolders(root)
  return { store: new FolderStore(folders, systemClock), storage: createFolderStorage(folders) }
}
const fileAt = (url: URL, path = 'onnx/model.onnx') => ({
  path,
  size: bytes.length,
  key: { sha256: sha256Of(bytes) },
  request: () => ({ url }),
})
const files = (...paths: readonly string[]) => ({
  model,
  files: paths.map((path) => fileAt(server.url, path)),
})
const kept = () => join(root, 'models/m@1/onnx/model.onnx')
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'none',
    (cause: unknown) => Reflect.get(Object(cause), 'code'),
  )

/** A part of the file as the process with that id has left it. */
async function leavePartial(pid: number): Promise<void> {
  await mkdir(dirname(kept()), { recursive: true })
  await writeFile(join(dirname(kept()), `.model.onnx.${pid}.partial`), bytes.subarray(0, 100_000))
}

describe('the folder of models of a program with lanes', () => {
  test('is filled once, under the names of the manifest, by one download for all callers', async () => {
    const { store } = open()
    const reports: Progress[] = []
    const [one, other] = await Promise.all([
      store.locateFiles(files('onnx/model.onnx'), undefined, (progress) => reports.push(progress)),
      store.loadFiles(files('onnx/model.onnx')),
    ])
    expect(one).toEqual([kept()])
    expect(Buffer.from(other[0] ?? new ArrayBuffer(0)).equals(bytes)).toBe(true)
    expect(server.served.length).toBe(1)
    expect(reports.at(-1)).toMatchObject({
      loadedBytes: 300_000,
      totalBytes: 300_000,
      storedBytes: 0,
      isKept: true,
    })
    // The next process finds it.
    await open().store.locateFiles(files('onnx/model.onnx'), undefined, (progress) => reports.push(progress))
    expect(reports.at(-1)).toMatchObject({ loadedBytes: 300_000, storedBytes: 300_000 })
    expect(server.served.length).toBe(1)
  })

  test('keeps nothing that is not what the manifest says, and replaces what was changed since', async () => {
    const { store } = open()
    server.bytes = randomBytes(bytes.length)
    expect(await codeOf(store.locateFiles(files('onnx/model.onnx')))).toBe('file_altered')
    await expect(readFile(kept())).rejects.toThrow('ENOENT')
    server.bytes = bytes
    await store.locateFiles(files('onnx/model.onnx'))
    await writeFile(kept(), randomBytes(bytes.length))
    await store.locateFiles(files('onnx/model.onnx'))
    expect((await readFile(kept())).equals(bytes)).toBe(true)
  })

  test('resumes the download of a process that has ended, and leaves alone that of one that runs', async () => {
    await leavePartial(process.ppid)
    // Larger than any process's.
    await leavePartial(2 ** 22 + 1)
    await open().store.locateFiles(files('onnx/model.onnx'))
    expect(server.served.map(({ range }) => range)).toEqual(['bytes=100000-'])
    expect((await readFile(kept())).equals(bytes)).toBe(true)
    const running = join(dirname(kept()), `.model.onnx.${process.ppid}.partial`)
    expect((await readFile(running)).length).toBe(100_000)
  })

  test('leaves files of this machine where they are, and refuses those that were changed', async () => {
    const { store, storage } = open()
    const path = join(root, 'ours.onnx')
    await writeFile(path, bytes)
    const local = { model, files: [fileAt(pathToFileURL(path))] }
    expect(await store.locateFiles(local)).toEqual([path])
    expect(await store.count(model, local.files)).toEqual({ kept: 300_000, missing: 0 })
    expect(await storage.list()).toEqual([])
    await writeFile(path, randomBytes(bytes.length))
    expect(await codeOf(store.locateFiles(local))).toBe('file_altered')
    await rm(path)
    expect(await codeOf(store.locateFiles(local))).toBe('file_missing')
  })

  test('lists and removes its models, with the files that no other variant uses', async () => {
    const { store, storage } = open()
    await store.locateFiles(files('a.onnx', 'shared.bin'))
    await store.locateFiles({ ...files('shared.bin'), model: { ...model, variant: 'q4' } })
    const other = { ...files('b.onnx'), model: { ...model, id: 'other' } }
    await store.locateFiles(other)
    const listed = await open().storage.list()
    expect(
      listed.map(({ id, variant, bytes, isComplete, isInUse }) => [id, variant, bytes, isComplete, isInUse]),
    ).toEqual([
      ['m', 'q4', 300_000, true, false],
      ['m', 'q8', 600_000, true, false],
      ['other', 'q8', 300_000, true, false],
    ])
    expect((await storage.list()).every(({ isInUse }) => isInUse)).toBe(true)
    expect(await storage.usage()).toEqual({ models: 900_000, isPersistent: true })
    expect(await storage.remove('m')).toBe(600_000)
    expect((await storage.list()).map(({ id }) => id)).toEqual(['other'])
    await storage.clear()
    expect(await storage.usage()).toMatchObject({ models: 0 })
  })

  test('is cleared of what was kept, and of nothing else', async () => {
    const folders = new ModelFolders(root)
    await new FolderStore(folders, systemClock).locateFiles(files('onnx/model.onnx'))
    await folders.writeManifest('http://one/', { id: 'm' })
    expect(await folders.readManifest('http://one/')).toEqual({ id: 'm' })
    await leavePartial(process.ppid)
    for (const path of ['models/digits', 'models/forged@1']) await mkdir(join(root, path))
    const ours = ['models/digits/manifest.json', 'manifests/ours.json']
    for (const path of ours) await writeFile(join(root, path), '{}')
    // A record of files that are not the folder's.
    const record = { ...model, id: 'forged', files: ['../digits/manifest.json'], usedAt: 1 }
    await writeFile(join(root, 'models/forged@1/.variant-q8.json'), JSON.stringify(record))
    await createFolderStorage(folders).clear()
    expect(await folders.readManifest('http://one/')).toBeUndefined()
    expect(await readdir(join(root, 'models'))).toEqual(['digits', 'forged@1'])
    for (const path of ours) expect(await readFile(join(root, path), 'utf8')).toBe('{}')
  })

  test('says which option to set where it cannot be written', async () => {
    await writeFile(join(root, 'models'), 'a file')
    const failed = open().store.locateFiles(files('onnx/model.onnx'))
    await expect(failed).rejects.toMatchObject({
      code: 'capacity_insufficient',
      message: expect.stringContaining('"cache"'),
    })
  })

  test('ends its downloads when it is closed', async () => {
    const { store } = open()
    const held = server.holdAfter(100_000)
    const loading = codeOf(store.locateFiles(files('onnx/model.onnx')))
    const release = await held
    store.close()
    expect(await loading).toBe('aborted')
    expect(await codeOf(store.locateFiles(files('onnx/model.onnx')))).toBe('closed')
    release()
  })
})

test('the folder is where each system keeps caches', () => {
  const folder = (platform: NodeJS.Platform, env: NodeJS.ProcessEnv = {}) =>
    cacheFolder({ platform, env }, '/home/u')
  expect(folder('linux')).toBe('/home/u/.cache/spillway')
  expect(folder('linux', { XDG_CACHE_HOME: '/x' })).toBe('/x/spillway')
  expect(folder('darwin')).toBe('/home/u/Library/Caches/spillway')
  expect(folder('win32', { LOCALAPPDATA: '/local' })).toBe('/local/spillway')
})
