/** Masks of tokens: one bit each, the lowest first. */

/** Clears the bits from this token on. */
export function clearFrom(mask: Int32Array, token: number): void {
  const last = token >> 5
  if (last < mask.length) mask[last] = (mask[last] ?? 0) & ((1 << (token & 31)) - 1)
}

export function set(mask: Int32Array, token: number): void {
  mask[token >> 5] = (mask[token >> 5] ?? 0) | (1 << (token & 31))
}

export function clear(mask: Int32Array, token: number): void {
  mask[token >> 5] = (mask[token >> 5] ?? 0) & ~(1 << (token & 31))
}

export const isSet = (mask: Int32Array, token: number): boolean =>
  (((mask[token >> 5] ?? 0) >>> (token & 31)) & 1) === 1

/** How many bits are set; where there are more than `most`, some number above it. */
export function countBits(mask: Int32Array, most: number): number {
  let count = 0
  for (let at = 0; at < mask.length && count <= most; at++) {
    for (let word = mask[at] ?? 0; word !== 0; word &= word - 1) count++
  }
  return count
}

/** The tokens whose bits are set, the lowest first. */
export function* tokensIn(mask: Int32Array): Generator<number> {
  for (let at = 0; at < mask.length; at++) {
    for (let bits = mask[at] ?? 0; bits !== 0; bits &= bits - 1)
      yield (at << 5) + 31 - Math.clz32(bits & -bits)
  }
}
