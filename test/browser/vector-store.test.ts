import { createStore, set } from 'idb-keyval'
import { expect, test, vi } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { createVectorStore } from '../../web/search/vector-store.ts'

const source = { id: 'passages', version: '1', variant: 'q8' }
const open = (name: string, maxBytes?: number) =>
  createVectorStore({ clock: systemClock, name, ...(maxBytes && { maxBytes }) })
const vectors = (...rows: readonly (readonly number[])[]) => ({
  embeddings: rows.map((row) => Float32Array.from(row)),
  truncated: [rows.length - 1],
})

test('vectors are kept for the same texts, variant and version, and for no others', async () => {
  const name = crypto.randomUUID()
  const written = vectors([1, 2], [3, 4])
  expect(await open(name).write(source, ['a fox', 'a wood'], written)).toBe('kept')
  const store = open(name)
  expect(await store.read(source, ['a fox', 'a wood'])).toEqual(written)
  for (const texts of [['a fox'], ['a wood', 'a fox'], ['a fox","a wood'], ['a fox', 'a wood', '']])
    expect(await store.read(source, texts)).toBeUndefined()
  for (const other of [{ variant: 'q4' }, { version: '2' }, { id: 'passage' }])
    expect(await store.read({ ...source, ...other }, ['a fox', 'a wood'])).toBeUndefined()
})

test('they are listed by model and variant, and removed by model', async () => {
  const store = open(crypto.randomUUID())
  await store.write(source, ['a'], vectors([1, 2]))
  await store.write(source, ['b', 'c'], vectors([1, 2], [3, 4]))
  // Again: they are one.
  await store.write(source, ['a'], vectors([1, 2]))
  await store.write({ ...source, variant: 'q4' }, ['a'], vectors([1, 2, 3]))
  await store.write({ ...source, id: 'passages-large' }, ['a'], vectors([1]))
  expect(await store.list()).toEqual([
    { ...source, variant: 'q4', count: 1, bytes: 12 },
    { ...source, count: 3, bytes: 24 },
    { ...source, id: 'passages-large', count: 1, bytes: 4 },
  ])
  expect(await store.remove('passages')).toBe(36)
  expect((await store.list()).map(({ id }) => id)).toEqual(['passages-large'])
  expect(await store.read(source, ['a'])).toBeUndefined()
  await store.clear()
  expect(await store.list()).toEqual([])
})

test('past the bound those that were written first go', async () => {
  const store = open(crypto.randomUUID(), 16)
  const now = vi.spyOn(Date, 'now')
  for (const [at, text] of ['a', 'b', 'c'].entries()) {
    now.mockReturnValue(at)
    expect(await store.write(source, [text], vectors([at, 0]))).toBe('kept')
  }
  now.mockRestore()
  expect(await store.read(source, ['a'])).toBeUndefined()
  expect(await store.read(source, ['b'])).toBeDefined()
  expect(await store.read(source, ['c'])).toBeDefined()
})

test('a full quota is told, and what was stored stays', async () => {
  const store = open(crypto.randomUUID())
  await store.write(source, ['a'], vectors([1, 2]))
  const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
    throw new DOMException('', 'QuotaExceededError')
  })
  expect(await store.write(source, ['b'], vectors([1, 2]))).toBe('full')
  put.mockRestore()
  expect(await store.read(source, ['a'])).toBeDefined()
  expect(await store.read(source, ['b'])).toBeUndefined()
})

test('a browser that stores nothing is an empty store', async () => {
  const opening = vi.spyOn(indexedDB, 'open').mockImplementation(() => {
    throw new DOMException('', 'SecurityError')
  })
  const store = open(crypto.randomUUID())
  expect(await store.write(source, ['a'], vectors([1, 2]))).toBe('refused')
  expect(await store.read(source, ['a'])).toBeUndefined()
  expect(await store.list()).toEqual([])
  expect(await store.remove('passages')).toBe(0)
  opening.mockRestore()
})

test('what another version has written is no vector', async () => {
  const name = crypto.randomUUID()
  const store = open(name)
  await store.write(source, ['a', 'b'], vectors([1, 2], [3, 4]))
  const objects = createStore(name, 'vectors')
  const [key] = await objects(
    'readonly',
    (all) =>
      new Promise<IDBValidKey[]>((done) => {
        const request = all.getAllKeys()
        request.onsuccess = () => done(request.result)
      }),
  )
  for (const wrong of [7, { numbers: [1, 2] }, { numbers: new Float32Array(3), truncated: [] }]) {
    await set(key ?? '', wrong, objects)
    expect(await store.read(source, ['a', 'b'])).toBeUndefined()
  }
})
