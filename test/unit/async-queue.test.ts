import { expect, test, vi } from 'vitest'
import { AsyncQueue } from '../../models/async/async-queue.ts'

async function all<T>(queue: AsyncQueue<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of queue) items.push(item)
  return items
}

test('yields items pushed before and after the reader came, in order, and ends', async () => {
  const queue = new AsyncQueue<number>()
  queue.push(1)
  const read = all(queue)
  queue.push(2)
  await Promise.resolve()
  queue.push(3)
  queue.end()
  queue.push(4)
  expect(await read).toEqual([1, 2, 3])
})

test('throws after its last item', async () => {
  const queue = new AsyncQueue<number>()
  const seen: number[] = []
  const read = (async () => {
    for await (const item of queue) seen.push(item)
  })()
  queue.push(1)
  queue.fail(new Error('cut'))
  await expect(read).rejects.toThrow('cut')
  expect(seen).toEqual([1])
})

test('calls back when the reader leaves early, and drops later items', async () => {
  const onLeave = vi.fn()
  const queue = new AsyncQueue<number>(onLeave)
  queue.push(1)
  queue.push(2)
  for await (const _ of queue) break
  expect(onLeave).toHaveBeenCalledOnce()
  queue.push(3)
  expect(queue.size).toBe(0)
})

test('refuses a second reader', async () => {
  const queue = new AsyncQueue<number>()
  queue.end()
  await all(queue)
  await expect(all(queue)).rejects.toThrow('once')
})
