/**
 * Random numbers that depend only on the seed, the position and the token: a hash, not a generator with a state. So a
 * sequence draws the same tokens on any lane, beside any others, and after it has moved.
 */
export interface Noise {
  /** What the bits depend on besides the token, for code that computes them elsewhere. */
  readonly keys: readonly [before: number, between: number]
  /** 32 random bits of a token. */
  bits(token: number): number
}

const golden = 0x9e3779b1

/** MurmurHash3's finalizer: each input bit changes about half of the output bits. */
function mix(bits: number): number {
  let mixed = bits
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** @param seed Any safe integer. */
export function noiseAt(seed: number, position: number): Noise {
  const low = mix(seed ^ Math.imul(position, golden))
  const high = mix(Math.floor(seed / 2 ** 32) ^ (position + 0x7f4a7c15))
  const before = mix(low ^ Math.imul(high, golden))
  const between = mix(high ^ before)
  return {
    keys: [before, between],
    bits: (token) => mix(mix(Math.imul(token, golden) + before) ^ between) >>> 0,
  }
}

/** Gumbel noise: the token with the largest sum of log probability and noise is a draw by those probabilities. */
export const gumbel = (bits: number): number => -Math.log(-Math.log((bits + 0.5) / 2 ** 32))

/** An upper bound of `gumbel` of the same bits, much cheaper to compute. */
export const gumbelBound = (bits: number): number => (Math.clz32(~bits) + 1) * Math.LN2

/** The upper bound of all Gumbel noise. */
export const maxGumbel = gumbelBound(2 ** 32 - 1)
