import { createIndex } from '../../../web/search/neighbours.ts'
import { takeTurns } from './time.ts'

/** The width of the vectors of `passages`, the catalogue's embedding model. */
const width = 96
const count = 100_000

/** The ten nearest of many vectors, against a plain loop over the same numbers that keeps no order. */
export async function neighbours(rounds: number) {
  const index = createIndex(width)
  const plain = new Float32Array(count * width)
  const vector = new Float32Array(width)
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < width; column++) vector[column] = Math.random() - 0.5
    index.add(vector)
    plain.set(vector, row * width)
  }
  const scores = new Float32Array(count)
  const loop = async () => {
    for (let row = 0; row < count; row++) {
      let sum = 0
      for (let column = 0; column < width; column++) {
        sum += (plain[row * width + column] ?? 0) * (vector[column] ?? 0)
      }
      scores[row] = sum
    }
  }
  const nearest = async () => {
    const [first] = index.nearest(vector, 10)
    if (first?.index !== count - 1) throw new Error('The nearest vector is not the vector itself')
  }
  return takeTurns({ nearest, loop }, { rounds, warmUp: 5 })
}
