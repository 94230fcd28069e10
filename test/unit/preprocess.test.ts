import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Ink, toModelImage } from '../../web/drawing/preprocess.ts'

const side = 140

/** Ink of full strength in rectangles of [left, top, width, height]. */
function draw(...boxes: [number, number, number, number][]): Ink {
  const data = new Uint8Array(side * side)
  for (const [left, top, width, height] of boxes) {
    for (let y = top; y < top + height; y++) data.fill(255, y * side + left, y * side + left + width)
  }
  return { data, width: side, height: side }
}

function measure(image: Float32Array) {
  let [mass, x, y] = [0, 0, 0]
  const columns: number[] = []
  const rows: number[] = []
  for (const [index, value] of image.entries()) {
    if (value === 0) continue
    mass += value
    x += value * (index % 28)
    y += value * Math.floor(index / 28)
    columns.push(index % 28)
    rows.push(Math.floor(index / 28))
  }
  return { mass, x: x / mass, y: y / mass, width: extent(columns), height: extent(rows) }
}

const extent = (places: number[]) => Math.max(...places) - Math.min(...places) + 1

describe('toModelImage', () => {
  test('gives nothing for an empty drawing', () => {
    expect(toModelImage(draw())).toBeUndefined()
  })

  test('scales the longer side to 20 pixels and keeps the aspect', () => {
    const { width, height, mass } = measure(toModelImage(draw([60, 20, 10, 100])) ?? expect.fail('no image'))
    expect({ width, height }).toEqual({ width: 2, height: 20 })
    expect(mass).toBeCloseTo(40, 3)
  })

  test('keeps a thin line of a large drawing, as faint as its share of the area', () => {
    const image = toModelImage(draw([0, 0, 1, 140], [0, 139, 140, 1])) ?? expect.fail('no image')
    expect(Math.max(...image)).toBeGreaterThan(0.1)
    expect(measure(image)).toMatchObject({ width: 20, height: 20 })
  })

  test('lays the centre of mass on the centre, whatever was drawn where', () => {
    const box = fc.tuple(
      fc.nat(100),
      fc.nat(100),
      fc.integer({ min: 5, max: 40 }),
      fc.integer({ min: 5, max: 40 }),
    )
    fc.assert(
      fc.property(fc.array(box, { minLength: 1, maxLength: 4 }), (boxes) => {
        const image = toModelImage(draw(...boxes)) ?? expect.fail('no image')
        const { x, y, width, height } = measure(image)
        expect(image).toHaveLength(784)
        expect(Math.max(width, height)).toBe(20)
        // To the nearest whole pixel, or as near as the picture's edge lets it.
        expect(Math.abs(x - 13.5)).toBeLessThanOrEqual(4)
        expect(Math.abs(y - 13.5)).toBeLessThanOrEqual(4)
        for (const value of image) expect(value >= 0 && value <= 1).toBe(true)
      }),
    )
  })
})
