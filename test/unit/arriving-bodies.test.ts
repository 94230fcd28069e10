import { expect, test } from 'vitest'
import type { SpillwayError } from '../../models/core/index.ts'
import { ArrivingBodies, type ArrivingBody } from '../../server/http/arriving-bodies.ts'

/** Bodies that end when they are refused, as a server's do. */
function createBodies(maxBytes: number) {
  const bodies = new ArrivingBodies(maxBytes)
  const refused: string[] = []
  const begin = (name: string, caller: string, weight?: number): ArrivingBody => {
    const body: ArrivingBody = {
      caller: { caller, weight },
      refuse: ({ code }: SpillwayError) => {
        refused.push(`${name} ${code}`)
        bodies.ended(body)
      },
    }
    return body
  }
  return { bodies, refused, begin }
}

test('the last body of the caller with most gives way to that of another', () => {
  const { bodies, refused, begin } = createBodies(1_000)
  for (const name of ['first', 'second', 'third']) bodies.grew(begin(name, 'many'), 300)
  const few = begin('few', 'few')
  bodies.grew(few, 200)
  expect([refused, bodies.bytes]).toEqual([['third overloaded'], 800])
  bodies.grew(few, 600)
  // It would have more than the other.
  expect(refused).toEqual(['third overloaded', 'few overloaded'])
  expect(bodies.bytes).toBe(600)
})

test('by their weights', () => {
  const { bodies, refused, begin } = createBodies(1_000)
  bodies.grew(begin('light', 'light'), 500)
  bodies.grew(begin('heavy', 'heavy', 4), 800)
  expect(refused).toEqual(['light overloaded'])
})

test('a caller alone loses the body that is too much, and one body may be larger than the bound', () => {
  const { bodies, refused, begin } = createBodies(1_000)
  const large = begin('large', 'one')
  bodies.grew(large, 5_000)
  expect(refused).toEqual([])
  bodies.grew(begin('more', 'one'), 1)
  expect(refused).toEqual(['more overloaded'])
  bodies.ended(large)
  bodies.ended(large)
  expect(bodies.bytes).toBe(0)
})
