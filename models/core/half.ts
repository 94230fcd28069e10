/**
 * Half precision in software: Node 20 has no Float16Array. Rounds to nearest, ties to even (IEEE 754); larger values
 * become infinite.
 */
const scratch = new DataView(new ArrayBuffer(4))

export function toHalf(value: number): number {
  scratch.setFloat32(0, value)
  const bits = scratch.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const exponent = (bits >>> 23) & 0xff
  const mantissa = bits & 0x7fffff
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa === 0 ? 0 : 0x200)
  const scaled = exponent - 112
  if (scaled >= 31) return sign | 0x7c00
  // A carry out of the mantissa increments the exponent, which rounds up to the next power of two.
  if (scaled > 0) return sign | (((scaled << 10) | (mantissa >>> 13)) + roundUp(mantissa, 13))
  if (scaled < -10) return sign
  const shift = 14 - scaled
  const significand = mantissa | 0x800000
  return sign | ((significand >>> shift) + roundUp(significand, shift))
}

/** 1 where the `shift` lowest bits round the others up, else 0. */
function roundUp(bits: number, shift: number): number {
  const rest = bits & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return rest > half || (rest === half && ((bits >>> shift) & 1) === 1) ? 1 : 0
}

export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 0x1f
  const mantissa = half & 0x3ff
  if (exponent === 0) return sign * mantissa * 2 ** -24
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15)
}

/** The value of every half, to decode long arrays. */
let table: Float32Array | undefined

export function halvesToFloats(halves: Uint16Array): Float32Array {
  table ??= Float32Array.from({ length: 65536 }, (_, half) => fromHalf(half))
  const floats = new Float32Array(halves.length)
  for (let index = 0; index < halves.length; index++) floats[index] = table[halves[index] ?? 0] ?? 0
  return floats
}

/** @param largest Finite numbers beyond it are clamped to it. */
export function floatsToHalves(floats: Float32Array, largest = Number.POSITIVE_INFINITY): Uint16Array {
  const halves = new Uint16Array(floats.length)
  for (let index = 0; index < floats.length; index++) {
    const value = floats[index] ?? 0
    halves[index] = toHalf(Number.isFinite(value) ? Math.max(-largest, Math.min(largest, value)) : value)
  }
  return halves
}
