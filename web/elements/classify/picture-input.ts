import { SpillwayError } from '../../../models/core/error.ts'
import type { Inputs } from '../../../models/core/inputs.ts'
import type { Manifest } from '../../../models/core/manifest.ts'
import { contextOf } from '../../drawing/ink.ts'
import { type Ink, imageSide, toModelImage } from '../../drawing/preprocess.ts'

/** What the model reads: a drawing, or a picture with its size in pixels. */
export type Source =
  | { readonly ink: Ink }
  | { readonly picture: CanvasImageSource; readonly width: number; readonly height: number }

/** The input of a model that reads one picture. */
interface PictureSpec {
  readonly name: string
  readonly type: 'float32' | 'uint8'
  readonly channels: 1 | 3
  readonly width: number
  readonly height: number
  /** Whether the channels are the last dimension. */
  readonly isLast: boolean
}

/** Colours are read as `(value / 255 - mean) / std`, one number or one for each channel. */
export interface Normalization {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** The side of a picture where the model leaves it open, in pixels. */
const usualSide = 224

/** @throws SpillwayError `not_supported` where the model reads no single picture. */
function pictureSpec({ id, inputs }: Manifest): PictureSpec {
  const [input] = inputs
  const [batch, ...rest] = input?.shape ?? []
  const isLast = rest[2] === 1 || rest[2] === 3
  const [channels, height, width] = isLast ? [rest[2], rest[0], rest[1]] : rest
  if (
    inputs.length !== 1 ||
    !input ||
    rest.length !== 3 ||
    (batch !== -1 && batch !== 1) ||
    (input.type !== 'float32' && input.type !== 'uint8') ||
    (channels !== 1 && channels !== 3)
  ) {
    throw new SpillwayError('not_supported', `The model "${id}" does not read one picture`, {
      expected: 'one input of float32 or uint8, shaped [1, channels, height, width] with 1 or 3 channels',
      got: inputs.map(({ name, type, shape }) => `${name}: ${type} [${shape?.join(', ')}]`).join('; '),
    })
  }
  const size = (value: number | undefined) => (value === undefined || value < 1 ? usualSide : value)
  return { name: input.name, type: input.type, channels, width: size(width), height: size(height), isLast }
}

/** The model's inputs for a source; undefined where there is nothing on it. */
export function toInputs(
  manifest: Manifest,
  source: Source,
  normalization: Normalization,
): Inputs | undefined {
  const spec = pictureSpec(manifest)
  if (spec.channels === 1 && spec.width === imageSide && spec.height === imageSide) {
    const image = toModelImage('ink' in source ? source.ink : inkOf(source))
    return image && { [spec.name]: tensorOf(spec, image) }
  }
  if ('ink' in source && !source.ink.data.some((value) => value > 0)) return undefined
  const pixels = pixelsOf(source, spec.width, spec.height, 'cover')
  return { [spec.name]: tensorOf(spec, channelsOf(spec, pixels, normalization)) }
}

const tensorOf = ({ type, channels, width, height, isLast }: PictureSpec, values: Float32Array) => ({
  data: type === 'uint8' ? Uint8Array.from(values, (value) => value * 255) : values,
  shape: isLast ? [1, height, width, channels] : [1, channels, height, width],
})

/** Values from 0 to 1, then normalized; a model of bytes gets them as they are. */
function channelsOf(
  spec: PictureSpec,
  pixels: Uint8ClampedArray,
  { mean, std }: Normalization,
): Float32Array {
  const { type, channels, width, height, isLast } = spec
  const count = width * height
  const values = new Float32Array(count * channels)
  const at = (list: readonly number[], channel: number, otherwise: number) =>
    list[channel] ?? list[0] ?? otherwise
  for (let channel = 0; channel < channels; channel++) {
    const [low, scale] = type === 'uint8' ? [0, 1] : [at(mean, channel, 0), at(std, channel, 1)]
    for (let index = 0; index < count; index++) {
      const value = channels === 1 ? luminance(pixels, index) : (pixels[index * 4 + channel] ?? 0)
      values[isLast ? index * channels + channel : channel * count + index] = (value / 255 - low) / scale
    }
  }
  return values
}

const luminance = (pixels: Uint8ClampedArray, index: number): number =>
  0.299 * (pixels[index * 4] ?? 0) +
  0.587 * (pixels[index * 4 + 1] ?? 0) +
  0.114 * (pixels[index * 4 + 2] ?? 0)

/** A picture with less contrast than this, of 255, has nothing on it. */
const leastContrast = 40
/** The side at which pictures of writing are read. */
const inkSide = 140

/** The writing on a picture: what differs from the colour at its edge, dark on light or light on dark. */
function inkOf(source: Source): Ink {
  const pixels = pixelsOf(source, inkSide, inkSide, 'contain')
  const greys = Uint8Array.from({ length: inkSide * inkSide }, (_, index) => luminance(pixels, index))
  const paper = medianOfEdge(greys)
  const most = greys.reduce((largest, grey) => Math.max(largest, Math.abs(grey - paper)), 0)
  // The faint half is shade and noise.
  const data = greys.map((grey) =>
    most < leastContrast ? 0 : Math.max(0, (2 * Math.abs(grey - paper)) / most - 1) * 255,
  )
  return { data, width: inkSide, height: inkSide }
}

function medianOfEdge(greys: Uint8Array): number {
  const last = inkSide - 1
  const edge = greys.filter((_, index) => {
    const [x, y] = [index % inkSide, Math.floor(index / inkSide)]
    return x === 0 || y === 0 || x === last || y === last
  })
  return edge.sort()[edge.length >> 1] ?? 255
}

/** The source's pixels at a size, on white: cut to fill it, or whole within it. */
function pixelsOf(source: Source, width: number, height: number, fit: 'cover' | 'contain') {
  const context = contextOf(canvasOf(width, height), { willReadFrequently: true })
  const { picture, ...size } = 'ink' in source ? inkPicture(source.ink) : source
  context.fillStyle = '#fff'
  context.fillRect(0, 0, width, height)
  const across = width / size.width
  const down = height / size.height
  const scale = fit === 'cover' ? Math.max(across, down) : Math.min(across, down)
  const [drawnWidth, drawnHeight] = [size.width * scale, size.height * scale]
  const left = (width - drawnWidth) / 2
  const top = (height - drawnHeight) / 2
  if (fit === 'contain') fillWithEdge(context, picture, size)
  context.drawImage(picture, left, top, drawnWidth, drawnHeight)
  return context.getImageData(0, 0, width, height).data
}

/** The bars beside a picture that is not square get the colour of its corner: else their edges would count as ink. */
function fillWithEdge(
  context: CanvasRenderingContext2D,
  picture: CanvasImageSource,
  { width, height }: { readonly width: number; readonly height: number },
): void {
  const { canvas } = context
  if (width !== height) context.drawImage(picture, 0, 0, 1, 1, 0, 0, canvas.width, canvas.height)
}

function inkPicture({ data, width, height }: Ink) {
  const picture = canvasOf(width, height)
  const context = contextOf(picture)
  const image = context.createImageData(width, height)
  for (let index = 0; index < data.length; index++) image.data[index * 4 + 3] = data[index] ?? 0
  context.putImageData(image, 0, 0)
  return { picture, width, height }
}

const canvasOf = (width: number, height: number) =>
  Object.assign(document.createElement('canvas'), { width, height })
