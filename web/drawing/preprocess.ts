/** Pixels of the side of the model's input image, and of the box in it that holds the ink. */
export const imageSide = 28
const boxSide = 20

/** Pixels with less than this share of full ink count as paper: the soft edge of a line must not widen the crop. */
const inkThreshold = 0.1

/** A drawing as pixels, row by row: bytes from 0 (paper) to 255 (full ink), or floats from 0 to 1. */
export interface Ink {
  readonly data: Uint8Array | Uint8ClampedArray | Float32Array
  readonly width: number
  readonly height: number
}

/**
 * Prepares a drawing as MNIST prepared its digits: cropped to the ink, the longer side scaled to 20 pixels by area
 * averages, and placed in 28×28 pixels with the centre of mass at the centre. Undefined where there is no ink.
 */
export function toModelImage(ink: Ink): Float32Array | undefined {
  const box = inkBox(ink)
  if (!box) return undefined
  const scale = boxSide / Math.max(box.width, box.height)
  const width = Math.max(1, Math.round(box.width * scale))
  const height = Math.max(1, Math.round(box.height * scale))
  const small = shrink(ink, box, width, height)
  const mass = centreOfMass(small, width, height)
  return place(small, width, height, offset(mass.x, width), offset(mass.y, height))
}

interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

const fullInk = ({ data }: Ink): number => (data instanceof Float32Array ? 1 : 255)

function inkBox(ink: Ink): Box | undefined {
  const { data, width, height } = ink
  const faint = inkThreshold * fullInk(ink)
  let left = width
  let right = -1
  let top = height
  let bottom = -1
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if ((data[y * width + x] ?? 0) <= faint) continue
      if (x < left) left = x
      if (x > right) right = x
      if (y < top) top = y
      bottom = y
    }
  }
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 }
}

/** The crop at its new size, with values from 0 to 1. Each pixel is the mean of the area that it covers: first along rows, then along columns. */
function shrink(ink: Ink, box: Box, width: number, height: number): Float32Array {
  const rows = new Float32Array(width * box.height)
  const full = fullInk(ink)
  for (let y = 0; y < box.height; y++) {
    const start = (box.top + y) * ink.width + box.left
    averages(ink.data, start, 1, box.width, rows, y * width, 1, width, full)
  }
  const small = new Float32Array(width * height)
  for (let x = 0; x < width; x++) averages(rows, x, width, box.height, small, x, width, height, 1)
  return small
}

/** Averages `from` values, `fromStep` apart, into `to` values. A value that lies in two areas counts for each by its share. */
function averages(
  source: Ink['data'],
  fromStart: number,
  fromStep: number,
  from: number,
  target: Float32Array,
  toStart: number,
  toStep: number,
  to: number,
  full: number,
): void {
  const span = from / to
  for (let index = 0; index < to; index++) {
    const low = index * span
    const high = Math.min(from, low + span)
    let sum = 0
    for (let at = Math.floor(low); at < high; at++) {
      const share = Math.min(at + 1, high) - Math.max(at, low)
      sum += share * (source[fromStart + at * fromStep] ?? 0)
    }
    target[toStart + index * toStep] = sum / (span * full)
  }
}

function centreOfMass(small: Float32Array, width: number, height: number): { x: number; y: number } {
  let mass = 0
  let alongX = 0
  let alongY = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = small[y * width + x] ?? 0
      mass += value
      // A pixel's mass lies at its middle.
      alongX += value * (x + 0.5)
      alongY += value * (y + 0.5)
    }
  }
  return { x: alongX / mass, y: alongY / mass }
}

/** In whole pixels, as in MNIST, and never past the edge: a lopsided drawing keeps all its ink. */
const offset = (centre: number, size: number): number =>
  Math.min(Math.max(Math.round(imageSide / 2 - centre), 0), imageSide - size)

function place(small: Float32Array, width: number, height: number, left: number, top: number): Float32Array {
  const image = new Float32Array(imageSide * imageSide)
  for (let y = 0; y < height; y++) {
    image.set(small.subarray(y * width, (y + 1) * width), (top + y) * imageSide + left)
  }
  return image
}
