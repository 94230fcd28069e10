import {
  batchAxisOf,
  elementCount,
  SpillwayError,
  showShape,
  type Tensor,
} from '../../../models/core/index.ts'
import { createCutter } from '../../../models/core/rows/blocks.ts'
import { joinRows } from '../../../models/core/rows/join-rows.ts'
import type { Tensors, Work } from './work.ts'

/**
 * The rows of several requests as one batch, in new buffers that a message may transfer.
 *
 * @param isCopied Whether the message copies all buffers: then the tensors of a lone request are sent as they are.
 */
export function pack(works: readonly Work[], isCopied = false): Tensors {
  if (isCopied && works.length === 1 && works[0]) return works[0].inputs
  const packed: Record<string, Tensor> = {}
  const manifest = works[0]?.source.manifest
  for (const spec of manifest?.inputs ?? []) {
    const axis = manifest ? batchAxisOf(manifest, spec) : null
    packed[spec.name] = joinRows(
      spec,
      axis,
      works.map(({ inputs }) => inputs[spec.name]),
    )
  }
  return packed
}

/** The outputs that some request asks for; undefined where one asks for all. */
export function requestedOutputs(works: readonly Work[]): readonly string[] | undefined {
  if (works.length === 1) return works[0]?.outputs
  for (const { outputs } of works) if (outputs === undefined) return undefined
  return [...new Set(works.flatMap(({ outputs = [] }) => outputs))]
}

/**
 * Each request's rows of a batch's outputs, without the padding.
 *
 * @throws SpillwayError `rows_dependent` where an output of several requests does not have a row for each of theirs;
 * `model_output_invalid` where an output's elements do not fit its shape.
 */
export function unpack(outputs: Tensors, works: readonly Work[], rows: number): Tensors[] {
  for (const name in outputs) checkElements(name, outputs[name])
  if (works.length === 1) return [outputs]
  const parts = works.map((): Record<string, Tensor> => ({}))
  const manifest = works[0]?.source.manifest
  for (const spec of manifest?.outputs ?? []) {
    const batch = outputs[spec.name]
    if (!manifest || !batch) continue
    const axis = batchAxisOf(manifest, spec)
    const padAxis = spec.pad?.axis
    if (axis !== null) checkSize(spec.name, batch.shape, axis, rows)
    if (padAxis !== undefined) checkSize(spec.name, batch.shape, padAxis, longestOf(works))
    let cut: ReturnType<typeof createCutter> | undefined
    let last: { readonly rows: number; readonly length: number } | undefined
    let at = 0
    for (let index = 0; index < works.length; index++) {
      const work = works[index]
      const part = parts[index]
      if (!work || !part) continue
      const { rows } = work
      const length = padAxis === undefined ? 0 : lengthOf(work)
      if (work.outputs?.includes(spec.name) === false) {
        if (axis !== null) at += rows
        continue
      }
      // A new cutter only where the size changes: thousands of requests can be alike.
      if (!cut || last?.rows !== rows || last.length !== length) {
        const block = batch.shape.map((size, on) => (on === axis ? rows : on === padAxis ? length : size))
        cut = createCutter(batch, block, axis ?? 0)
        last = { rows, length }
      }
      part[spec.name] = cut(at)
      if (axis !== null) at += rows
    }
  }
  return parts
}

const longestOf = (works: readonly Work[]): number =>
  works.reduce((length, work) => Math.max(length, lengthOf(work)), 0)

/** The request's length along the pad axis. */
function lengthOf({ source: { manifest }, inputs }: Work): number {
  const padded = manifest.inputs.find(({ pad }) => pad)
  return (padded?.pad && inputs[padded.name]?.shape[padded.pad.axis]) ?? 0
}

function checkElements(name: string, tensor: Tensor | undefined): void {
  if (!tensor || tensor.data.length === elementCount(tensor.shape)) return
  throw new SpillwayError('model_output_invalid', `The elements of output "${name}" do not fit its shape`, {
    expected: `${elementCount(tensor.shape)} for ${showShape(tensor.shape)}`,
    got: `${tensor.data.length}`,
  })
}

/** An output of another size would be cut in the wrong places. */
export function checkSize(name: string, shape: readonly number[], axis: number, size: number): void {
  if (shape[axis] === size) return
  throw new SpillwayError('rows_dependent', `Output "${name}" does not have the rows of its batch`, {
    expected: `${size} along axis ${axis}`,
    got: showShape(shape),
  })
}
