import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GrowingBuffer } from '../../server/http/growing-buffer.ts'

const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 2, maxLength: 12 })

describe('a growing buffer', () => {
  test('joins chunks of any sizes, whatever length was announced', () => {
    fc.assert(
      fc.property(chunks, fc.nat(200), fc.nat(400), fc.double(), (parts, first, total, alignedAt) => {
        const joined = join(parts, first, total, alignedAt)
        expect([...joined]).toEqual(parts.flatMap((part) => [...part]))
      }),
    )
  })

  test('places a byte where numbers of any type may start, and allocates no more than was announced', () => {
    fc.assert(
      fc.property(chunks, fc.nat(60), fc.nat(1_000), (parts, first, alignedAt) => {
        const total = parts.reduce((sum, { length }) => sum + length, 0)
        const { byteOffset, buffer } = join(parts, Math.min(first, total), total, alignedAt)
        expect((byteOffset + alignedAt) % 8).toBe(0)
        expect(buffer.byteLength).toBeLessThan(total + 8)
      }),
    )
  })

  test('gives up each chunk that it has copied, once, and keeps one that it has not', () => {
    fc.assert(
      fc.property(chunks, fc.nat(200), (parts, first) => {
        const freed: Uint8Array[] = []
        const source = {
          take: (bytes: number) => new Uint8Array(bytes),
          free: (part: Uint8Array) => freed.push(part),
        }
        const buffer = new GrowingBuffer(first, first, 0, source)
        for (const [index, part] of parts.entries()) {
          buffer.add(part)
          expect(freed).toHaveLength(index === 0 ? 0 : index + 1)
        }
        expect(new Set(freed)).toEqual(new Set(parts))
      }),
    )
  })
})

function join(parts: readonly Uint8Array[], first: number, total: number, alignedAt: number): Uint8Array {
  const buffer = new GrowingBuffer(first, total, alignedAt)
  for (const part of parts) buffer.add(part)
  return buffer.bytes()
}
