import { floatsToHalves } from '../../../../models/core/half.ts'
import { viewBytes } from '../../../../models/tools/onnx/weight.ts'
import { randomFrom } from '../../../../models/tools/run-model/random-samples.ts'

export type FloatType = 'float16' | 'float32'
type Pool = Uint16Array | Uint32Array | Float32Array

/** Numbers in a pool. The speed of a model does not depend on its weights, so a pool may repeat in a tensor. */
const poolSize = 2 ** 20

/** Elements of tensors as bytes, in pieces, so that no tensor is ever in memory as a whole. */
export interface RandomWeights {
  /** Normally distributed numbers around zero. */
  normal(type: FloatType, count: number, deviation: number): Iterable<Uint8Array>
  constant(type: FloatType, count: number, value: number): Iterable<Uint8Array>
  /** Words of 32 random bits. */
  bits(count: number): Iterable<Uint8Array>
}

export function randomWeights(seed: number): RandomWeights {
  const random = randomFrom(seed)
  const pools = new Map<string, Pool>()
  const poolOf = (type: FloatType | 'uint32', kind: string, element: () => number): Pool => {
    const name = `${type}, ${kind}`
    const pool = pools.get(name) ?? createPool(type, element)
    pools.set(name, pool)
    return pool
  }
  /** Begins at another place of the pool each time. */
  function* from(pool: Pool, count: number): Iterable<Uint8Array> {
    let at = Math.floor(random.uniform() * pool.length)
    for (let left = count; left > 0; at = 0) {
      const taken = Math.min(left, pool.length - at)
      yield viewBytes(pool.subarray(at, at + taken))
      left -= taken
    }
  }
  return {
    normal: (type, count, deviation) => {
      const pool = poolOf(type, `deviation ${deviation}`, () => deviation * random.normal())
      return from(pool, count)
    },
    constant: (type, count, value) => {
      const pool = poolOf(type, `all ${value}`, () => value)
      return from(pool, count)
    },
    bits: (count) => {
      const pool = poolOf('uint32', 'bits', () => Math.floor(random.uniform() * 2 ** 32))
      return from(pool, count)
    },
  }
}

function createPool(type: FloatType | 'uint32', element: () => number): Pool {
  if (type === 'uint32') return Uint32Array.from({ length: poolSize }, element)
  const floats = Float32Array.from({ length: poolSize }, element)
  return type === 'float16' ? floatsToHalves(floats) : floats
}
