import { expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { runInPieces } from '../../workers/host/text/embedding/in-pieces.ts'

const items = Array.from({ length: 2_048 }, (_, index) => ({ index }))
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A queue with room for so many, as the scheduler's. */
function createQueue(room: number) {
  const queue = { waiting: 0, most: 0, done: new Set<number>() }
  const run = async ({ index }: { readonly index: number }, signal: AbortSignal) => {
    if (queue.waiting >= room) throw new SpillwayError('overloaded', 'The queue is full')
    queue.waiting++
    queue.most = Math.max(queue.most, queue.waiting)
    await new Promise<void>((resolve) => {
      const end = () => {
        signal.removeEventListener('abort', end)
        resolve()
      }
      setImmediate(end)
      signal.addEventListener('abort', end)
    })
    queue.waiting--
    if (signal.aborted) throw new SpillwayError('aborted', 'It was aborted')
    queue.done.add(index)
  }
  return { queue, run }
}

test('many items run within a bound', async () => {
  const { queue, run } = createQueue(10_000)
  await runInPieces(items, undefined, run)
  expect(queue.done.size).toBe(items.length)
  expect(queue.most).toBe(256)
})

test.each([100, 1])('a queue with room for %i is enough', async (room) => {
  const { queue, run } = createQueue(room)
  await runInPieces(items, undefined, run)
  expect(queue.done.size).toBe(items.length)
  expect(queue.most).toBe(room)
})

test('a full queue refuses the call', async () => {
  const { queue, run } = createQueue(0)
  await expect(runInPieces(items, undefined, run)).rejects.toMatchObject({ code: 'overloaded' })
  expect(queue.waiting).toBe(0)
})

test('a failure takes the other items out of the queue', async () => {
  const { queue, run } = createQueue(1_000)
  const failing = async (item: { readonly index: number }, signal: AbortSignal) => {
    if (item.index === 300) throw new SpillwayError('run_failed', 'It failed')
    await run(item, signal)
  }
  await expect(runInPieces(items, undefined, failing)).rejects.toMatchObject({ code: 'run_failed' })
  await turn()
  expect(queue.waiting).toBe(0)
  expect(queue.done.size).toBeLessThan(600)
})

test('an abort takes all items out of the queue', async () => {
  const { queue, run } = createQueue(1_000)
  const controller = new AbortController()
  const call = runInPieces(items, controller.signal, run)
  controller.abort()
  await expect(call).rejects.toMatchObject({ code: 'aborted' })
  expect([queue.waiting, queue.done.size]).toEqual([0, 0])
  await expect(runInPieces(items, controller.signal, run)).rejects.toMatchObject({ code: 'aborted' })
})
