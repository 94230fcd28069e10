import { describe, expect, test } from 'vitest'
import { BlockPool } from '../../../workers/lane/kv/paged/block-pool.ts'

function open(blocks: number) {
  const pool = new BlockPool(4)
  pool.grow(blocks)
  const take = (count: number) => Array.from({ length: count }, () => pool.take() ?? Number.NaN)
  return { pool, take }
}

const text = [1, 2, 3, 4, 5, 6, 7, 8, 9]

describe('a pool of blocks', () => {
  test('finds the full blocks of a text again, as far as another begins with the same', () => {
    const { pool, take } = open(8)
    const blocks = take(3)
    pool.remember(blocks, text)
    expect(pool.find(text)).toEqual(blocks.slice(0, 2))
    expect(pool.find([1, 2, 3, 4, 5, 6, 7, 0])).toEqual(blocks.slice(0, 1))
    expect(pool.find([1, 2, 3])).toEqual([])
    // The same tokens after others are another block.
    expect(pool.find([5, 6, 7, 8])).toEqual([])
    expect(pool.find([0, 0, 0, 0, 5, 6, 7, 8])).toEqual([])
  })

  test('keeps what a text left until blocks are needed, its end the first to go', () => {
    const { pool, take } = open(3)
    const blocks = take(3)
    pool.remember(blocks, text)
    pool.release(blocks)
    expect(pool.available).toBe(3)
    // The last was not full: nobody can find it.
    expect([pool.empty, take(1)]).toEqual([1, blocks.slice(2)])
    expect(pool.find(text)).toEqual(blocks.slice(0, 2))
    take(1)
    expect(pool.find(text)).toEqual(blocks.slice(0, 1))
    take(1)
    expect(pool.find(text)).toEqual([])
    expect(pool.take()).toBeUndefined()
  })

  test('gives no block away that a text holds, whoever left it', () => {
    const { pool, take } = open(2)
    const blocks = take(2)
    pool.remember(blocks, text)
    for (const block of pool.find(text)) pool.hold(block)
    pool.release(blocks)
    expect([pool.available, pool.take()]).toEqual([0, undefined])
    pool.release(blocks)
    expect(pool.available).toBe(2)
  })

  test('lets nobody write to a block that others hold or may find', () => {
    const { pool, take } = open(3)
    const [one = 0, other = 0] = take(2)
    expect([pool.isOwn(one), pool.isOwn(other)]).toEqual([true, true])
    pool.remember([one], [1, 2, 3, 4])
    pool.hold(other)
    expect([pool.isOwn(one), pool.isOwn(other)]).toEqual([false, false])
  })

  test('goes on from the blocks of another text with the same beginning', () => {
    const { pool, take } = open(6)
    const first = take(2)
    pool.remember(first, text)
    // Two texts were read at the same time: the second one's blocks are not found, those after them are.
    const second = take(3)
    const longer = [...text, 10, 11, 12]
    pool.remember(second, longer)
    expect(pool.find(longer)).toEqual([...first, second[2]])
  })
})
