/** Numbers from a seed, the same on every machine: what is measured can be measured again. */
export interface Random {
  /** From 0 to 1. */
  uniform(): number
  /** Around 0, of variance 1. */
  normal(): number
}

export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  // Mulberry32.
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  return { uniform, normal }
}
