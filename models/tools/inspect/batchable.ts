import { declaredOf } from '../infer/declared.ts'
import type { Model } from '../onnx/model.ts'

export interface Batchable {
  readonly batchable: boolean
  readonly reason: string
}

/** Whether rows of several requests may stand in one run, by what the model declares of its inputs and outputs. */
export function batchableOf({ inputs, outputs }: Model): Batchable {
  for (const value of [...inputs, ...outputs]) {
    const first = declaredOf(value).shape?.[0]
    const shape = declaredOf(value).shape
    if (shape === undefined) return no(`"${value.name}" has no declared shape`)
    if (shape.length === 0) return no(`"${value.name}" is a single number`)
    if (typeof first === 'number') return no(`the first dimension of "${value.name}" is fixed at ${first}`)
  }
  if (inputs.length === 0) return no('it has no input')
  return { batchable: true, reason: 'the first dimension of every input and output varies' }
}

const no = (reason: string): Batchable => ({ batchable: false, reason })
