import type { Manifest } from '../../../models/core/manifest.ts'
import type { RunResult } from '../../../models/core/result.ts'
import { probabilities } from '../../drawing/probabilities.ts'
import type { Classification } from './element.ts'

/** Values that add up to one are probabilities already. */
const arePartsOfOne = (values: readonly number[]): boolean =>
  values.every((value) => value >= 0 && value <= 1) &&
  Math.abs(values.reduce((sum, value) => sum + value, 0) - 1) < 0.01

/** What the model's first output says, by the manifest's labels. */
export function classificationOf(
  manifest: Manifest,
  { outputs, placement, timings }: RunResult,
): Classification {
  const [output] = manifest.outputs
  const data = output && outputs[output.name]?.data
  const values = Array.from<unknown, number>(data ?? [], Number)
  const shares = arePartsOfOne(values) ? values : probabilities(values)
  const labels = shares
    .map((probability, index) => ({ label: manifest.labels?.[index] ?? String(index), probability }))
    .sort((one, other) => other.probability - one.probability)
  const [best = { label: '', probability: 0 }] = labels
  return { ...best, labels, placement, timings }
}
