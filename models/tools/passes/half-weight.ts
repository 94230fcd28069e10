import { DataType } from '../onnx/data-type.ts'
import { floatsToHalves } from '../onnx/half.ts'
import { weightFrom } from '../onnx/make.ts'
import { floatsOf } from '../onnx/values.ts'
import type { Weight } from '../onnx/weight.ts'

const largest = 65_504

/** What is too large for a half becomes its largest: the minus infinity of masks stays a number. */
export function halfOf(weight: Weight, name: string): Weight {
  return weightFrom(name, DataType.FLOAT16, weight.dims, () => floatsToHalves(floatsOf(weight), largest))
}
