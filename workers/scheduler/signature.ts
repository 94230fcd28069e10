import type { Manifest } from '../../models/index.ts'
import type { Tensors, Work } from './work.ts'

/** Sizes, besides the batch axis, that a manifest leaves open: requests that differ in one cannot share a run as they are. */
interface OpenAxis {
  readonly input: string
  readonly axis: number
  readonly padded: boolean
}

const openAxes = new WeakMap<Manifest, readonly OpenAxis[]>()

/** Equal for requests that one run can hold; lengths along a pad axis count by their power of two. */
export function signatureOf({ source: { manifest }, inputs }: Work): string {
  let open = openAxes.get(manifest)
  if (!open) {
    open = findOpenAxes(manifest)
    openAxes.set(manifest, open)
  }
  return open.length === 0 ? '' : open.map((axis) => sizeAt(inputs, axis)).join()
}

function findOpenAxes({ inputs, batchAxis }: Manifest): OpenAxis[] {
  return inputs.flatMap(({ name, shape, pad }) =>
    shape.flatMap((size, axis) =>
      size === -1 && axis !== batchAxis ? [{ input: name, axis, padded: pad?.axis === axis }] : [],
    ),
  )
}

function sizeAt(inputs: Tensors, { input, axis, padded }: OpenAxis): number {
  const size = inputs[input]?.shape[axis] ?? 0
  return padded ? 2 ** Math.ceil(Math.log2(size)) : size
}
