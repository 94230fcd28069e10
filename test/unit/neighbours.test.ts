import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createIndex } from '../../web/search/neighbours.ts'

/** Small whole numbers: their sums are exact in any order, so that equal scores are equal. */
const vectors = fc.integer({ min: 1, max: 9 }).chain((width) => {
  const vector = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: width, maxLength: width })
  return fc.record({
    query: vector,
    rows: fc.array(vector, { maxLength: 300, size: 'max' }),
    k: fc.integer({ min: 1, max: 12 }),
  })
})

test('the nearest vectors are those that a comparison with each finds, in the same order', () => {
  fc.assert(
    fc.property(vectors, ({ query, rows, k }) => {
      const index = createIndex(query.length)
      for (const row of rows) index.add(Float32Array.from(row))
      const expected = rows
        .map((row, index) => ({ index, score: row.reduce((sum, x, at) => sum + x * (query[at] ?? 0), 0) }))
        .sort((one, other) => other.score - one.score || one.index - other.index)
        .slice(0, k)
      expect(index.count).toBe(rows.length)
      // Sums of products of opposite signs may be -0.
      const found = index.nearest(Float32Array.from(query), k)
      expect(found.map(({ index, score }) => ({ index, score: score + 0 }))).toEqual(
        expected.map(({ index, score }) => ({ index, score: score + 0 })),
      )
    }),
    { numRuns: 60 },
  )
})

test('an index of many vectors answers after it has grown, and refuses vectors of another width', () => {
  const index = createIndex(2)
  expect(index.nearest(Float32Array.of(1, 0), 3)).toEqual([])
  for (let angle = 0; angle < 600; angle++) index.add(Float32Array.of(Math.cos(angle), Math.sin(angle)))
  expect(index.nearest(Float32Array.of(Math.cos(577), Math.sin(577)), 1)[0]?.index).toBe(577)
  const refused = expect.objectContaining({ code: 'input_shape_invalid' })
  expect(() => index.add(Float32Array.of(1))).toThrow(refused)
  expect(() => index.nearest(Float32Array.of(1, 2, 3), 1)).toThrow(refused)
})
