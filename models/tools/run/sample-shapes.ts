import { declaredOf } from '../infer/declared.ts'
import type { InputShapes } from '../infer/infer.ts'
import { openShapes } from '../inspect/open-shapes.ts'
import type { Model } from '../onnx/model.ts'

/** Tokens in a made-up prompt. */
const sequence = 8

/**
 * A shape for every input: as given, else as declared, with open dimensions by what their names mean in language
 * models (a prompt with no past), and one elsewhere.
 */
export function sampleShapes(model: Model, given: InputShapes): Map<string, readonly number[]> {
  const shapes = openShapes(model, given)
  for (const value of model.inputs) {
    if (given.has(value.name)) continue
    const declared = declaredOf(value).shape
    if (declared) shapes.set(value.name, declared.map(sizeOf))
  }
  return shapes
}

function sizeOf(declared: number | string | undefined): number {
  if (typeof declared === 'number') return declared
  if (declared === undefined) return 1
  if (/total|\+/i.test(declared)) return sequence
  if (/past/i.test(declared)) return 0
  return /seq/i.test(declared) ? sequence : 1
}
