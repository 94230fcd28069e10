import { batchAxisOf, dataBytes, isStrings, type Manifest } from '../../../models/core/index.ts'
import type { Tensors, Work } from './work.ts'

/** A size that a manifest leaves open, besides the number of rows. Requests that differ in it cannot share a run. */
interface OpenPart {
  readonly input: string
  /** The axis whose size is open; null for a tensor without rows, whose values have to be equal. */
  readonly axis: number | null
  readonly padded: boolean
}

const openParts = new WeakMap<Manifest, readonly OpenPart[]>()

/** Equal for requests that may share a run; along a pad axis, for requests of about the same length. */
export function shapeKeyOf({ source: { manifest }, inputs }: Work): string {
  let open = openParts.get(manifest)
  if (!open) {
    open = findOpenParts(manifest)
    openParts.set(manifest, open)
  }
  return open.length === 0 ? '' : open.map((part) => keyOf(inputs, part)).join()
}

function findOpenParts(manifest: Manifest): OpenPart[] {
  // Where requests never share a run, shapes matter only because runs of different shapes differ in cost.
  const shared = manifest.batchAxis !== null
  return manifest.inputs.flatMap((spec) => {
    const { name: input, shape, pad } = spec
    const batchAxis = batchAxisOf(manifest, spec)
    const sizes: OpenPart[] = (shape ?? []).flatMap((size, axis) =>
      size === -1 && axis !== batchAxis ? [{ input, axis, padded: pad?.axis === axis }] : [],
    )
    return shared && batchAxis === null ? [...sizes, { input, axis: null, padded: false }] : sizes
  })
}

function keyOf(inputs: Tensors, { input, axis, padded }: OpenPart): string | number {
  const tensor = inputs[input]
  if (axis === null) return tensor ? `[${valuesOf(tensor.data)}]` : ''
  const size = tensor?.shape[axis] ?? 0
  return padded ? Math.ceil(2 ** (Math.ceil(steps * Math.log2(size)) / steps)) : size
}

/**
 * Lengths that are distinguished between a power of two and the next, so that padding adds at most 19%. Powers of two
 * alone add up to 100%, which cost more than fewer runs saved (measured on WASM with one attention layer).
 */
const steps = 4

/** Elements and characters of a tensor without rows that are compared. A request with a larger one shares no run: comparing costs too much. */
const maxCompared = 64
const maxComparedBytes = 4_096
let largeTensors = 0

function valuesOf(data: Tensors[string]['data']): string {
  if (data.length > maxCompared || dataBytes(data) > maxComparedBytes) return `large ${largeTensors++}`
  return isStrings(data) ? JSON.stringify(data) : data.join()
}
