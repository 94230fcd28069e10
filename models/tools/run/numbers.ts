import type { Tensor } from '../../core/tensor.ts'
import { halvesToFloats } from '../onnx/half.ts'

/** A tensor's elements as floats, whatever their type. */
export function toFloats({ type, data }: Tensor): Float32Array | Float64Array {
  if (data instanceof Float32Array || data instanceof Float64Array) return data
  if (type === 'float16' && data instanceof Uint16Array) return halvesToFloats(data)
  return Float64Array.from(data as ArrayLike<number | bigint>, Number)
}
