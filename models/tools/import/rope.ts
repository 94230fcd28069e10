/** Rotary position embedding over pairs of one element from each half of a head. */
export interface Rope {
  readonly theta: number
  readonly scaling: RopeScaling
}

export type RopeScaling =
  | { readonly type: 'default' }
  | { readonly type: 'linear'; readonly factor: number }
  | {
      readonly type: 'llama3'
      readonly factor: number
      readonly lowFactor: number
      readonly highFactor: number
      /** Context in tokens before it was extended. */
      readonly original: number
    }
  | {
      readonly type: 'yarn'
      readonly factor: number
      readonly fast: number
      readonly slow: number
      readonly original: number
      /** Factor of cosines and sines. */
      readonly attention: number
    }

/** Cosines and sines, one row per position, one column per pair. */
export interface RopeTables {
  readonly cosines: Float32Array
  readonly sines: Float32Array
}

/** @param pairs Number of columns; pairs past the head's own are not rotated. */
export function ropeTables(rope: Rope, headSize: number, positions: number, pairs: number): RopeTables {
  const frequencies = ropeFrequencies(rope, headSize)
  const scale = rope.scaling.type === 'yarn' ? rope.scaling.attention : 1
  const cosines = new Float32Array(positions * pairs)
  const sines = new Float32Array(positions * pairs)
  for (let position = 0; position < positions; position++) {
    for (let pair = 0; pair < pairs; pair++) {
      const angle = position * (frequencies[pair] ?? 0)
      cosines[position * pairs + pair] = Math.cos(angle) * scale
      sines[position * pairs + pair] = Math.sin(angle) * scale
    }
  }
  return { cosines, sines }
}

/** Radians per position, by pair. */
export function ropeFrequencies({ theta, scaling }: Rope, headSize: number): readonly number[] {
  const plain = Array.from({ length: headSize / 2 }, (_, pair) => theta ** ((-2 * pair) / headSize))
  switch (scaling.type) {
    case 'default':
      return plain
    case 'linear':
      return plain.map((frequency) => frequency / scaling.factor)
    case 'llama3':
      return plain.map((frequency) => {
        const rotations = (scaling.original * frequency) / (2 * Math.PI)
        const share = (rotations - scaling.lowFactor) / (scaling.highFactor - scaling.lowFactor)
        return blend(frequency, scaling.factor, share)
      })
    case 'yarn': {
      // The pair with this number of rotations within the original context.
      const pairOf = (rotations: number) =>
        (headSize * Math.log(scaling.original / (rotations * 2 * Math.PI))) / (2 * Math.log(theta))
      const low = Math.max(0, Math.floor(pairOf(scaling.fast)))
      const high = Math.min(headSize - 1, Math.ceil(pairOf(scaling.slow)))
      return plain.map((frequency, pair) =>
        blend(frequency, scaling.factor, 1 - (pair - low) / Math.max(high - low, 0.001)),
      )
    }
  }
}

/** Interpolates: fast pairs keep their frequency, slow pairs are stretched by the factor. */
function blend(frequency: number, factor: number, share: number): number {
  const kept = Math.min(1, Math.max(0, share))
  return frequency * kept + (frequency / factor) * (1 - kept)
}
