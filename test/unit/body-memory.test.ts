import { expect, test } from 'vitest'
import { BodyMemory } from '../../server/http/body-memory.ts'

const size = 102_400

test('memory that was given back is used again for a body of about its size', () => {
  const memory = new BodyMemory()
  const { buffer } = memory.take(size)
  expect(buffer.byteLength).toBe(size)
  expect(memory.take(size).buffer).not.toBe(buffer)
  memory.giveBack(buffer)
  expect(memory.take(size - 10).buffer).toBe(buffer)
  expect(memory.take(size).buffer).not.toBe(buffer)
})

test('memory that is given back twice, is small, is from elsewhere or has moved to another thread is not kept', () => {
  const memory = new BodyMemory()
  const { buffer } = memory.take(size)
  memory.giveBack(buffer)
  memory.giveBack(buffer)
  expect(memory.take(size).buffer).toBe(buffer)
  expect(memory.take(size).buffer).not.toBe(buffer)

  const small = memory.take(100)
  expect(small.length).toBe(100)
  const elsewhere = new ArrayBuffer(size)
  const moved = memory.take(size).buffer
  structuredClone(moved, { transfer: [moved as ArrayBuffer] })
  for (const given of [small.buffer, elsewhere, moved]) memory.giveBack(given)
  expect([small.buffer, elsewhere, moved]).not.toContain(memory.take(size).buffer)
  expect(memory.take(100).buffer).not.toBe(small.buffer)
})

test('32 MB are kept, of the sizes that were given back last', () => {
  const memory = new BodyMemory()
  const first = memory.take(size).buffer
  memory.giveBack(first)
  const large = Array.from({ length: 3 }, () => memory.take(12 * 2 ** 20).buffer)
  memory.giveBack(large[0] ?? first)
  memory.giveBack(large[1] ?? first)
  expect(memory.take(size).buffer).toBe(first)
  memory.giveBack(first)
  memory.giveBack(large[2] ?? first)
  expect(memory.take(12 * 2 ** 20).buffer).not.toBe(large[2])
})

test('frees chunks that have memory of their own, and no others', () => {
  const memory = new BodyMemory()
  const own = Buffer.allocUnsafeSlow(65_536)
  const part = new Uint8Array(new ArrayBuffer(65_536), 0, 32_768)
  const small = new Uint8Array(1_000)
  const shared = new Uint8Array(new SharedArrayBuffer(65_536))
  for (const chunk of [own, part, small, shared]) memory.free(chunk)
  expect([own, part, small, shared].map(({ length }) => length)).toEqual([0, 32_768, 1_000, 65_536])
})
