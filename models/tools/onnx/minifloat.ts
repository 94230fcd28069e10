import { DataType } from './data-type.ts'

/** A float of at most one byte, as ONNX defines it. */
interface Format {
  readonly exponent: number
  readonly mantissa: number
  readonly bias: number
  /**
   * The highest codes: `ieee` has infinities and NaNs, `fn` one NaN per sign, `uz` a NaN in place of negative zero,
   * `none` only finite numbers.
   */
  readonly top: 'ieee' | 'fn' | 'uz' | 'none'
}

export const minifloats = new Map<number, Format>([
  [DataType.FLOAT8E4M3FN, { exponent: 4, mantissa: 3, bias: 7, top: 'fn' }],
  [DataType.FLOAT8E4M3FNUZ, { exponent: 4, mantissa: 3, bias: 8, top: 'uz' }],
  [DataType.FLOAT8E5M2, { exponent: 5, mantissa: 2, bias: 15, top: 'ieee' }],
  [DataType.FLOAT8E5M2FNUZ, { exponent: 5, mantissa: 2, bias: 16, top: 'uz' }],
  [DataType.FLOAT4E2M1, { exponent: 2, mantissa: 1, bias: 1, top: 'none' }],
])

export function fromMinifloat(bits: number, { exponent, mantissa, bias, top }: Format): number {
  const sign = bits >>> (exponent + mantissa) ? -1 : 1
  const raised = (bits >>> mantissa) & (2 ** exponent - 1)
  const rest = bits & (2 ** mantissa - 1)
  const highest = raised === 2 ** exponent - 1
  if (top === 'uz' && sign < 0 && raised === 0 && rest === 0) return Number.NaN
  if (top === 'fn' && highest && rest === 2 ** mantissa - 1) return Number.NaN
  if (top === 'ieee' && highest) return rest === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  if (raised === 0) return sign * (rest / 2 ** mantissa) * 2 ** (1 - bias)
  return sign * (1 + rest / 2 ** mantissa) * 2 ** (raised - bias)
}
