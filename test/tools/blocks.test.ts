import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type BlockFormat,
  blockCount,
  dataBytes,
  quantizeBlocks,
  zeroBytes,
} from '../../models/tools/quantize/blocks.ts'
import { quantizeChannels } from '../../models/tools/quantize/channels.ts'
import { createHistogram } from '../../models/tools/quantize/histogram.ts'

const formats: readonly BlockFormat[] = [
  { bits: 4, block: 32, asymmetric: false },
  { bits: 4, block: 32, asymmetric: true },
  { bits: 8, block: 32, asymmetric: false },
  { bits: 8, block: 32, asymmetric: true },
]
const named = formats.map(
  (format) => [`${format.bits} bits, ${format.asymmetric ? 'asymmetric' : 'symmetric'}`, format] as const,
)

/** What an operator makes of the packed data, as its documentation says. */
function unpack(
  blocks: ReturnType<typeof quantizeBlocks>,
  rows: number,
  columns: number,
  format: BlockFormat,
) {
  const perRow = blockCount(columns, format)
  const bits = (data: Uint8Array, index: number) =>
    format.bits === 8 ? (data[index] ?? 0) : ((data[index >> 1] ?? 0) >> ((index & 1) * 4)) & 15
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => {
      const block = row * perRow + Math.floor(column / format.block)
      const step = bits(blocks.data, block * format.block + (column % format.block))
      const zeroAt = (row * zeroBytes(columns, format) * 8) / format.bits + Math.floor(column / format.block)
      const zero = format.asymmetric ? bits(blocks.zeroPoints, zeroAt) : 2 ** (format.bits - 1)
      return (step - zero) * (blocks.scales[block] ?? 0)
    }),
  )
}

const matrices = fc
  .record({ rows: fc.integer({ min: 1, max: 5 }), columns: fc.integer({ min: 1, max: 100 }) })
  .chain(({ rows, columns }) =>
    fc
      .array(fc.float({ noNaN: true, min: -100, max: 100 }), {
        minLength: rows * columns,
        maxLength: rows * columns,
      })
      .map((values) => ({ rows, columns, values: Float32Array.from(values) })),
  )

describe.each(named)('A matrix in blocks of %s', (_name, format) => {
  test('restores every value within one step', () => {
    fc.assert(
      fc.property(matrices, ({ rows, columns, values }) => {
        const blocks = quantizeBlocks({ values, rows, columns, rowStride: columns, columnStride: 1 }, format)
        expect(blocks.data.length).toBe(rows * dataBytes(columns, format))
        const back = unpack(blocks, rows, columns, format)
        for (let row = 0; row < rows; row++) {
          for (let from = 0; from < columns; from += format.block) {
            const own = values.subarray(
              row * columns + from,
              row * columns + Math.min(columns, from + format.block),
            )
            const size = Math.max(...own.map(Math.abs))
            const spread = Math.max(0, ...own) - Math.min(0, ...own)
            // Clipping may cost the outermost more than half a step, and only where it makes the sum of errors less.
            const step = format.asymmetric ? spread / (2 ** format.bits - 1) : size / 2 ** (format.bits - 1)
            for (const [index, one] of own.entries()) {
              const error = Math.abs((back[row]?.[from + index] ?? 0) - one)
              expect(error).toBeLessThanOrEqual(step * (format.bits === 4 ? 4.5 : 1.01) + 1e-6)
            }
          }
        }
      }),
    )
  })

  test('does not depend on the order in memory', () => {
    fc.assert(
      fc.property(matrices, ({ rows, columns, values }) => {
        const turned = new Float32Array(values.length)
        for (let row = 0; row < rows; row++) {
          for (let column = 0; column < columns; column++) {
            turned[column * rows + row] = values[row * columns + column] ?? 0
          }
        }
        expect(
          quantizeBlocks({ values: turned, rows, columns, rowStride: 1, columnStride: rows }, format),
        ).toEqual(quantizeBlocks({ values, rows, columns, rowStride: columns, columnStride: 1 }, format))
      }),
    )
  })

  test('keeps zeros as zeros', () => {
    const blocks = quantizeBlocks(
      { values: new Float32Array(64), rows: 1, columns: 64, rowStride: 64, columnStride: 1 },
      format,
    )
    expect(
      unpack(blocks, 1, 64, format)
        .flat()
        .every((one) => one === 0),
    ).toBe(true)
  })
})

test('clipping reduces the error of 4-bit blocks', () => {
  const values = Float32Array.from(
    { length: 32 * 200 },
    (_, index) => Math.sin(index * 1.7) * (index % 32 === 0 ? 3 : 1),
  )
  const format = { bits: 4, block: 32, asymmetric: false } as const
  const back = unpack(
    quantizeBlocks({ values, rows: 200, columns: 32, rowStride: 32, columnStride: 1 }, format),
    200,
    32,
    format,
  ).flat()
  const error = back.reduce((sum, one, index) => sum + (one - (values[index] ?? 0)) ** 2, 0)
  const plain = values.reduce((sum, one, index) => {
    const block = values.subarray(index - (index % 32), index - (index % 32) + 32)
    const scale = Math.max(...block.map(Math.abs)) / 8
    return sum + (one - Math.max(-8, Math.min(7, Math.round(one / scale))) * scale) ** 2
  }, 0)
  expect(error).toBeLessThan(plain * 0.95)
})

test('each channel has its own scale', () => {
  const { data, scales } = quantizeChannels(
    Float32Array.of(1, -2, 0, 0, 100, 50),
    3,
    2,
    { channel: 2, element: 1 },
    127,
  )
  expect([...data]).toEqual([64, -127, 0, 0, 127, 64])
  expect([...scales]).toEqual([Math.fround(2 / 127), 1, Math.fround(100 / 127)])
})

test('a histogram cuts off the rarest values at both ends', () => {
  const histogram = createHistogram({ low: -1_000, high: 1_000 })
  histogram.add([-1_000, 1_000, ...Array.from({ length: 9_998 }, (_, index) => (index % 100) - 50)])
  const { low, high } = histogram.central(99.9)
  expect(low).toBeGreaterThan(-53)
  expect(high).toBeLessThan(53)
  expect(histogram.central(100)).toMatchObject({ low: expect.closeTo(-1_000, 0), high: 1_000 })
})
