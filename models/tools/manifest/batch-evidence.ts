import { join } from 'node:path'
import { messageOf } from '../../core/error.ts'
import type { Manifest, Variant } from '../../core/manifest.ts'
import {
  proveRows,
  type RowFault,
  rangeFault,
  rangeOperators,
  rowTolerance,
} from '../../core/rows/prove-rows.ts'
import type { TensorSpec } from '../../core/tensor-spec.ts'
import { allNodes } from '../onnx/data-flow.ts'
import { readModel } from '../onnx/read.ts'
import { withValues } from '../run-model/constant-inputs.ts'
import { indexRange } from '../run-model/random-samples.ts'
import type { RunOptions } from './declare-outputs.ts'

/**
 * The manifest with what running its graphs shows: `batchAxis` stays where the rows of the first variant are
 * independent, with the evidence `proven` where those of every variant are. Lanes prove the other variants themselves.
 * A manifest that says `accepted` is left as it is.
 */
export async function withEvidence(root: string, manifest: Manifest, running: RunOptions): Promise<Manifest> {
  if (manifest.batchAxis === null) return unbatched(manifest)
  // A language model's sequences do not share its runs by these rules.
  if (manifest.generation || manifest.batching?.evidence === 'accepted') return manifest
  const [first, ...others] = referenceFirst(manifest.variants)
  if (!first) return manifest
  let provable = manifest
  if ((await faultOf(root, provable, first, running)) !== null) {
    // Rows of one length may be independent where padding changes them.
    provable = unpadded(manifest)
    const isPadded = manifest.inputs.some(({ pad }) => pad)
    if (!isPadded || (await faultOf(root, provable, first, running)) !== null) return unbatched(manifest)
  }
  for (const variant of others) {
    if ((await faultOf(root, provable, variant, running)) !== null) return withoutEvidence(provable)
  }
  return { ...provable, batching: { ...provable.batching, evidence: 'proven' } }
}

/** The variant before quantization, if there is one. */
const referenceFirst = (variants: readonly Variant[]): readonly Variant[] => [
  ...variants.filter(({ precision }) => precision === 'fp32'),
  ...variants.filter(({ precision }) => precision !== 'fp32'),
]

async function faultOf(
  root: string,
  manifest: Manifest,
  { files }: Variant,
  { runtime, values, onNote }: RunOptions,
): Promise<RowFault> {
  const path = join(root, files[0]?.path ?? '')
  try {
    const model = readModel(path)
    const range = allNodes(model).find(({ opType }) => rangeOperators.includes(opType))
    if (range) return rangeFault(range.opType)
    const runnable = await runtime.load(path, { backend: 'cpu', threads: 1 })
    try {
      return await proveRows(manifest, {
        run: (inputs) => runnable.run(withValues(inputs, values)),
        endOf: (input) => indexRange(model, input),
        tolerance: rowTolerance,
      })
    } finally {
      await runnable.release()
    }
  } catch (cause) {
    onNote(`whether requests may share a run is not known: ${messageOf(cause)}`)
    return 'the proof cannot be run'
  }
}

const unbatched = (manifest: Manifest): Manifest => ({
  ...withoutEvidence(unpadded(manifest)),
  inputs: manifest.inputs.map(withoutRows),
  outputs: manifest.outputs.map(withoutRows),
  batchAxis: null,
})

function withoutEvidence(manifest: Manifest): Manifest {
  const { batching, ...rest } = manifest
  const { evidence: _evidence, ...settings } = batching ?? {}
  return { ...rest, ...(Object.keys(settings).length > 0 ? { batching: settings } : {}) }
}

const unpadded = (manifest: Manifest): Manifest => ({
  ...manifest,
  inputs: manifest.inputs.map(withoutPad),
  outputs: manifest.outputs.map(withoutPad),
})

const withoutPad = ({ pad: _pad, ...spec }: TensorSpec): TensorSpec => spec
const withoutRows = ({ pad: _pad, batchAxis: _batchAxis, ...spec }: TensorSpec): TensorSpec => spec
