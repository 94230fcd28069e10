import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { elementCount, type Manifest, type Tensor } from '../../models/core/index.ts'
import { pack, requestedOutputs, unpack } from '../../workers/host/scheduler/pack-rows.ts'
import { shapeKeyOf } from '../../workers/host/scheduler/shape-key.ts'
import type { Work } from '../../workers/host/scheduler/work.ts'
import { digitsManifest } from '../support/test-models.ts'

/** A model whose outputs have the shapes of its inputs: `x` with rows along any axis, `mode` without rows. */
const model = (shape: number[], batchAxis: number, pad?: { axis: number; value: number }): Manifest => {
  const x = { type: 'float32' as const, shape, batchAxis, ...(pad ? { pad } : {}) }
  return {
    ...digitsManifest,
    id: 'model',
    inputs: [
      { name: 'x', ...x },
      { name: 'mode', type: 'int64', shape: [], batchAxis: null, default: 7 },
    ],
    outputs: [
      { name: 'y', ...x },
      { name: 'scale', type: 'float32', shape: [2], batchAxis: null },
    ],
  }
}

const counting = (shape: readonly number[], from: number): Tensor => ({
  type: 'float32',
  data: Float32Array.from({ length: elementCount(shape) }, (_, index) => from + index),
  shape,
})

const mode = (value: number): Tensor => ({ type: 'int64', data: BigInt64Array.of(BigInt(value)), shape: [] })

const workOf = (manifest: Manifest, x: Tensor, rows: number, setting = 7): Work => ({
  source: { key: manifest.id, manifest },
  inputs: { x, mode: mode(setting) },
  rows,
  askedAt: 0,
})

/** An element by its position, computed the simple way. */
function at({ data, shape }: Tensor, position: readonly number[]): number {
  let index = 0
  for (const [axis, size] of shape.entries()) index = index * size + (position[axis] ?? 0)
  return Number(data[index])
}

function* positions(shape: readonly number[]): Generator<number[]> {
  const [size = 1, ...rest] = shape
  if (shape.length === 0) yield []
  else for (let index = 0; index < size; index++) for (const inner of positions(rest)) yield [index, ...inner]
}

const rowsOf = (works: readonly Work[]) => works.reduce((sum, { rows }) => sum + rows, 0)

describe('pack and unpack', () => {
  const cases = fc
    .record({
      sizes: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 4 }),
      batchAxis: fc.nat(3),
      padAxis: fc.nat(3),
      requests: fc.array(
        fc.record({ rows: fc.integer({ min: 1, max: 3 }), length: fc.integer({ min: 1, max: 4 }) }),
        { minLength: 1, maxLength: 5 },
      ),
    })
    .map(({ sizes, batchAxis, padAxis, requests }) => {
      const axis = batchAxis % sizes.length
      const padded = padAxis % sizes.length
      const shape = sizes.map((size, on) => (on === axis || on === padded ? -1 : size))
      const manifest = model(shape, axis, padded === axis ? undefined : { axis: padded, value: -1 })
      const works = requests.map(({ rows, length }, index) => {
        const own = shape.map((size, on) => (on === axis ? rows : on === padded ? length : size))
        return workOf(manifest, counting(own, index * 1_000), rows)
      })
      return { axis, padded, works }
    })

  test('sends the tensors of a lone request as they are where the message copies them', () => {
    fc.assert(
      fc.property(cases, ({ works }) => {
        const lone = works.slice(0, 1)
        expect(pack(lone, true)).toBe(lone[0]?.inputs)
        expect(pack(lone)).not.toBe(lone[0]?.inputs)
        expect(pack(lone)).toEqual(lone[0]?.inputs)
        if (works.length > 1) expect(pack(works, true)).toEqual(pack(works))
      }),
    )
  })

  test('puts the rows one after the other, along any axis, and fills up with the pad value', () => {
    fc.assert(
      fc.property(cases, ({ axis, padded, works }) => {
        const { x, mode } = pack(works)
        if (!x || !mode) throw new Error('an input is missing')
        expect(mode.data).toEqual(BigInt64Array.of(7n))
        let first = 0
        for (const { inputs, rows } of works) {
          const own = inputs.x ?? expect.fail()
          for (const position of positions(x.shape)) {
            const row = (position[axis] ?? 0) - first
            if (row < 0 || row >= rows) continue
            const length = own.shape[padded] ?? 0
            const inside = padded === axis || (position[padded] ?? 0) < length
            expect(at(x, position)).toBe(inside ? at(own, position.with(axis, row)) : -1)
          }
          first += rows
        }
        expect(x.shape[axis]).toBe(first)
      }),
    )
  })

  test('gives each request its own rows in new arrays, and outputs without rows to all', () => {
    fc.assert(
      fc.property(cases, ({ works }) => {
        const { x } = pack(works)
        if (!x) throw new Error('the input is missing')
        const scale = counting([2], 5)
        for (const [index, { y, scale: own }] of unpack({ y: x, scale }, works, rowsOf(works)).entries()) {
          expect(y).toEqual(works[index]?.inputs.x)
          expect(own).toEqual(scale)
          if (works.length > 1) expect(y?.data).not.toBe(x.data)
        }
      }),
    )
  })

  const two = [1, 2].map((rows) => workOf(model([-1, 2], 0), counting([rows, 2], 0), rows))
  const scale = counting([2], 0)

  test('refuses to cut an output that does not have the rows of its batch', () => {
    for (const rows of [1, 2, 4]) {
      expect(() => unpack({ y: counting([rows, 2], 0), scale }, two, 3)).toThrow(
        expect.objectContaining({ code: 'rows_dependent' }),
      )
    }
    const padded = model([-1, -1], 0, { axis: 1, value: 0 })
    const works = [3, 4].map((length) => workOf(padded, counting([1, length], 0), 1))
    expect(() => unpack({ y: counting([2, 2], 0), scale }, works, 2)).toThrow(
      expect.objectContaining({ code: 'rows_dependent' }),
    )
  })

  test('gives each request the outputs that it asks for, of those that some request asks for', () => {
    const [one, other] = two
    if (!one || !other) throw new Error('a request is missing')
    const some = [
      { ...one, outputs: ['y'] },
      { ...other, outputs: ['scale'] },
    ]
    expect(requestedOutputs(some)).toEqual(['y', 'scale'])
    expect(requestedOutputs([...some, one])).toBeUndefined()
    expect(requestedOutputs(some.slice(1))).toEqual(['scale'])
    const works = [{ ...one, outputs: ['scale'] }, { ...other, outputs: ['y'] }, one]
    const parts = unpack({ y: counting([4, 2], 0), scale }, works, 4)
    expect(parts.map((part) => Object.keys(part))).toEqual([['scale'], ['y'], ['y', 'scale']])
    expect(parts.map(({ y }) => y?.data)).toEqual([
      undefined,
      Float32Array.of(2, 3, 4, 5),
      Float32Array.of(6, 7),
    ])
  })

  test('joins strings and cuts them again', () => {
    const spec = { name: 'x', type: 'string' as const, shape: [-1, 2] }
    const texts: Manifest = { ...digitsManifest, inputs: [spec], outputs: [{ ...spec, name: 'y' }] }
    const works = [
      ['a', 'b'],
      ['c', 'd', 'e', 'f'],
    ].map((data): Work => {
      const x: Tensor = { type: 'string', data, shape: [data.length / 2, 2] }
      return { source: { key: 'x', manifest: texts }, inputs: { x }, rows: data.length / 2, askedAt: 0 }
    })
    const { x } = pack(works)
    expect(x).toEqual({ type: 'string', data: ['a', 'b', 'c', 'd', 'e', 'f'], shape: [3, 2] })
    if (!x) throw new Error('the input is missing')
    expect(unpack({ y: x }, works, 3).map(({ y }) => y)).toEqual(works.map(({ inputs }) => inputs.x))
  })

  test('never gives out a tensor whose elements do not fit its shape', () => {
    for (const works of [two, two.slice(0, 1)]) {
      expect(() => unpack({ y: { ...counting([3, 2], 0), shape: [3, 3] }, scale }, works, 3)).toThrow(
        expect.objectContaining({ code: 'model_output_invalid' }),
      )
    }
  })
})

describe('shapeKeyOf', () => {
  const manifest = model([2, -1, -1], 1)
  const sample = (rows: number, length: number, setting?: number) =>
    shapeKeyOf(workOf(manifest, counting([2, rows, length], 0), rows, setting))

  test('tells lists of strings apart whose elements join alike', () => {
    const setting: Manifest['inputs'][number] = { name: 'x', type: 'string', shape: [2], batchAxis: null }
    const texts: Manifest = { ...digitsManifest, inputs: [...digitsManifest.inputs, setting] }
    const key = (data: string[]) =>
      shapeKeyOf({
        source: { key: 'x', manifest: texts },
        inputs: { x: { type: 'string', data, shape: [2] } },
        rows: 1,
        askedAt: 0,
      })
    expect(key(['a,b', 'c'])).not.toBe(key(['a', 'b,c']))
    expect(key(['a,b', 'c'])).toBe(key(['a,b', 'c']))
    const long = ['x'.repeat(10_000), 'c']
    expect(key(long)).not.toBe(key(long))
  })

  test('is equal whatever the rows, and differs with every other open size', () => {
    expect(sample(1, 4)).toBe(sample(3, 4))
    expect(sample(1, 4)).not.toBe(sample(1, 5))
  })

  test('differs with the values of inputs without rows', () => {
    expect(sample(1, 4, 7)).not.toBe(sample(1, 4, 8))
  })

  test('is unique to a request where such an input is large', () => {
    const large = {
      ...manifest,
      inputs: [{ name: 'w', type: 'float32' as const, shape: [100], batchAxis: null }],
    }
    const work: Work = { ...workOf(large, counting([100], 0), 1), inputs: { w: counting([100], 0) } }
    expect(shapeKeyOf(work)).not.toBe(shapeKeyOf(work))
  })
})
