import { expect, test, vi } from 'vitest'
import { AsyncQueue } from '../../models/async/async-queue.ts'

async function all<T>(channel: AsyncQueue<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of channel) items.push(item)
  return items
}

test('gives what was pushed before and after the reader came, in order, and ends', async () => {
  const channel = new AsyncQueue<number>()
  channel.push(1)
  const read = all(channel)
  channel.push(2)
  await Promise.resolve()
  channel.push(3)
  channel.end()
  channel.push(4)
  expect(await read).toEqual([1, 2, 3])
})

test('throws after its last item', async () => {
  const channel = new AsyncQueue<number>()
  const seen: number[] = []
  const read = (async () => {
    for await (const item of channel) seen.push(item)
  })()
  channel.push(1)
  channel.fail(new Error('cut'))
  await expect(read).rejects.toThrow('cut')
  expect(seen).toEqual([1])
})

test('tells its writer when the reader leaves early, and takes nothing more', async () => {
  const onLeave = vi.fn()
  const channel = new AsyncQueue<number>(onLeave)
  channel.push(1)
  channel.push(2)
  for await (const _ of channel) break
  expect(onLeave).toHaveBeenCalledOnce()
  channel.push(3)
  expect(channel.size).toBe(0)
})

test('has one reader', async () => {
  const channel = new AsyncQueue<number>()
  channel.end()
  await all(channel)
  await expect(all(channel)).rejects.toThrow('once')
})
