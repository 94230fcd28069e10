import { zeroInputs } from '../../models/core/axes.ts'
import type { Manifest } from '../../models/core/index.ts'
import { encodeTensor } from '../../models/protocols/oip.ts'
import type { WireTensor } from '../../models/protocols/oip-schemas.ts'
import type { Catalogue } from '../inference/catalogue.ts'
import type { Example } from './operation.ts'

const maxExamples = 20
/** A longer list of zeros tells nothing more. */
const maxElements = 2_000

/** A request of one row of zeros for each model that takes one, so that it can be sent as it stands. */
export function inferExamples(catalogue: Catalogue): Record<string, Example> {
  const examples: Record<string, Example> = {}
  for (const { manifest } of catalogue.values()) {
    if (Object.keys(examples).length === maxExamples) break
    const inputs = zerosOf(manifest)
    if (inputs) examples[manifest.id] = { summary: manifest.title, value: { inputs } }
  }
  return examples
}

function zerosOf(manifest: Manifest): WireTensor[] | undefined {
  const tensors = Object.entries(zeroInputs(manifest) ?? {})
  const elements = tensors.reduce((total, [, { data }]) => total + data.length, 0)
  // JSON has no halves.
  const isJson = tensors.every(([, { type }]) => type !== 'float16')
  if (tensors.length === 0 || elements > maxElements || !isJson) return undefined
  return tensors.map(([name, tensor]) => encodeTensor(name, tensor))
}
