/**
 * Format of block-wise quantization: `bits` per element, a scale per block along the row, and zero points if
 * asymmetric.
 */
export interface BlockFormat {
  readonly bits: 4 | 8
  readonly block: number
  readonly asymmetric: boolean
}

/** A quantized matrix in the layout of MatMulNBits and GatherBlockQuantized. */
export interface Blocks {
  /** Row by row, block by block; the first element of a pair is in the low four bits. */
  readonly data: Uint8Array
  /** One per block. */
  readonly scales: Float32Array
  /** One per block, packed like the data, each row on its own. */
  readonly zeroPoints: Uint8Array
}

/** A matrix to quantize, in any memory order. */
export interface Matrix {
  readonly values: Float32Array
  readonly rows: number
  readonly columns: number
  /** Distances between rows and between columns. */
  readonly rowStride: number
  readonly columnStride: number
}

export const blockCount = (columns: number, { block }: BlockFormat): number => Math.ceil(columns / block)

export const dataBytes = (columns: number, format: BlockFormat): number =>
  (blockCount(columns, format) * format.block * format.bits) / 8

export const zeroBytes = (columns: number, format: BlockFormat): number =>
  Math.ceil((blockCount(columns, format) * format.bits) / 8)

export function quantizeBlocks(matrix: Matrix, format: BlockFormat): Blocks {
  const { values, rows, columns, rowStride, columnStride } = matrix
  const { block, bits } = format
  const perRow = blockCount(columns, format)
  const blockBytes = (block * bits) / 8
  const zeroRow = zeroBytes(columns, format)
  const blocks: Blocks = {
    data: new Uint8Array(rows * perRow * blockBytes),
    scales: new Float32Array(rows * perRow),
    zeroPoints: new Uint8Array(rows * zeroRow),
  }
  const one = new Float32Array(block)
  for (let at = 0; at < perRow; at++) {
    // Block by block over all rows: this reads along memory where rows are adjacent there.
    const count = Math.min(block, columns - at * block)
    one.fill(0)
    for (let row = 0; row < rows; row++) {
      const from = row * rowStride + at * block * columnStride
      for (let index = 0; index < count; index++) one[index] = values[from + index * columnStride] ?? 0
      const { scale, zero } = fitBlock(one, count, format)
      const index = row * perRow + at
      blocks.scales[index] = scale
      pack(one, scale, zero, bits, blocks.data, index * blockBytes)
      if (bits === 8) blocks.zeroPoints[row * zeroRow + at] = zero
      else addNibble(blocks.zeroPoints, row * zeroRow * 2 + at, zero)
    }
  }
  return blocks
}

/** Shares of the range to try. Clipping the outermost values makes the steps between the others smaller. */
const shares = [0.96, 0.92, 0.88, 0.84, 0.8]

interface Fit {
  readonly scale: number
  readonly zero: number
}

function fitBlock(values: Float32Array, count: number, { bits, asymmetric }: BlockFormat): Fit {
  const { scale, zero } = asymmetric ? asymmetricFit(values, count, bits) : symmetricFit(values, count, bits)
  // With 8 bits clipping gains nothing.
  if (bits === 8 || scale === 0) return { scale, zero }
  let best = scale
  let least = squaredError(values, count, scale, zero)
  for (const share of shares) {
    const error = squaredError(values, count, scale * share, zero)
    if (error >= least) continue
    best = scale * share
    least = error
  }
  return { scale: best, zero }
}

/** The value farthest from zero becomes the lowest step: there is one more step below zero than above. */
function symmetricFit(values: Float32Array, count: number, bits: number): Fit {
  let extreme = 0
  for (let index = 0; index < count; index++) {
    const value = values[index] ?? 0
    if (Math.abs(value) > Math.abs(extreme)) extreme = value
  }
  const middle = 2 ** (bits - 1)
  return { scale: extreme / -middle, zero: middle }
}

function asymmetricFit(values: Float32Array, count: number, bits: number): Fit {
  let low = 0
  let high = 0
  for (let index = 0; index < count; index++) {
    const value = values[index] ?? 0
    if (value < low) low = value
    if (value > high) high = value
  }
  const scale = (high - low) / (2 ** bits - 1)
  return { scale, zero: scale === 0 ? 2 ** (bits - 1) : Math.round(-low / scale) }
}

/** The squared error of 4-bit quantization. */
function squaredError(values: Float32Array, count: number, scale: number, zero: number): number {
  const inverse = 1 / scale
  const shift = zero + 0.5
  let sum = 0
  for (let index = 0; index < count; index++) {
    const value = values[index] ?? 0
    // Truncation rounds down here, because values below zero are clamped to it.
    const step = (value * inverse + shift) | 0
    const error = value - ((step < 0 ? 0 : step > 15 ? 15 : step) - zero) * scale
    sum += error * error
  }
  return sum
}

function pack(
  values: Float32Array,
  scale: number,
  zero: number,
  bits: number,
  data: Uint8Array,
  at: number,
): void {
  const inverse = scale === 0 ? 0 : 1 / scale
  const highest = 2 ** bits - 1
  const shift = zero + 0.5
  for (let index = 0; index < values.length; index++) {
    const step = ((values[index] ?? 0) * inverse + shift) | 0
    const kept = step < 0 ? 0 : step > highest ? highest : step
    if (bits === 8) data[at + index] = kept
    else addNibble(data, at * 2 + index, kept)
  }
}

function addNibble(data: Uint8Array, index: number, nibble: number): void {
  data[index >> 1] = (data[index >> 1] ?? 0) | (nibble << ((index & 1) * 4))
}
