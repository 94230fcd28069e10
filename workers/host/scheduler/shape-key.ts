import { batchAxisOf, type Manifest } from '../../../models/core/index.ts'
import type { Tensors, Work } from './work.ts'

/** What a manifest leaves open besides the number of rows: requests that differ in it cannot share a run as they are. */
interface Open {
  readonly input: string
  /** The axis whose size is open; null: the whole tensor, which holds no rows. */
  readonly axis: number | null
  readonly padded: boolean
}

const opens = new WeakMap<Manifest, readonly Open[]>()

/** Equal for requests that one run can hold; along a pad axis those of about one length. */
export function shapeKeyOf({ source: { manifest }, inputs }: Work): string {
  let open = opens.get(manifest)
  if (!open) {
    open = findOpen(manifest)
    opens.set(manifest, open)
  }
  return open.length === 0 ? '' : open.map((part) => signatureAt(inputs, part)).join()
}

function findOpen(manifest: Manifest): Open[] {
  // Where requests never share a run, only the shapes tell runs of different cost apart.
  const shared = manifest.batchAxis !== null
  return manifest.inputs.flatMap((spec) => {
    const { name: input, shape, pad } = spec
    const batchAxis = batchAxisOf(manifest, spec)
    const sizes: Open[] = shape.flatMap((size, axis) =>
      size === -1 && axis !== batchAxis ? [{ input, axis, padded: pad?.axis === axis }] : [],
    )
    return shared && batchAxis === null ? [...sizes, { input, axis: null, padded: false }] : sizes
  })
}

function signatureAt(inputs: Tensors, { input, axis, padded }: Open): string | number {
  const tensor = inputs[input]
  if (axis === null) return tensor ? `[${valuesOf(tensor.data)}]` : ''
  const size = tensor?.shape[axis] ?? 0
  return padded ? Math.ceil(2 ** (Math.ceil(steps * Math.log2(size)) / steps)) : size
}

/**
 * Lengths told apart between a power of two and the next, so that filling adds 19% at most. By powers of two alone it
 * added up to 100%, which cost more than fewer runs saved (WASM, one attention layer, measured).
 */
const steps = 4

/** Settings are small. What is larger is not read at each request: it shares no run. */
const mostCompared = 64
let largeTensors = 0

const valuesOf = (data: Tensors[string]['data']) =>
  data.length <= mostCompared ? data.join() : `large ${largeTensors++}`
