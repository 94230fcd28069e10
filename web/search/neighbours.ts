import { SpillwayError } from '../../models/core/index.ts'

/** A vector that is near. */
export interface Neighbour {
  /** Its number: how many vectors were added before it. */
  readonly index: number
  /** The dot product: the cosine, where both vectors have length 1. */
  readonly score: number
}

/** Vectors of one width, all in one array, compared with every one of them. */
export interface NeighbourIndex {
  readonly count: number
  /** Copies the vector. Returns its number. @throws SpillwayError `input_shape_invalid` for another width. */
  add(vector: Float32Array): number
  /**
   * The `k` vectors with the largest dot products, the largest first; of equal ones the one added first. Exact.
   *
   * @throws SpillwayError `input_shape_invalid` for another width.
   */
  nearest(vector: Float32Array, k: number): readonly Neighbour[]
}

const firstCapacity = 256

/** @param width Numbers of each vector. */
export function createIndex(width: number): NeighbourIndex {
  // A multiple of four rows, so that the blocks of `scoreRows` need no rest.
  let rows = new Float32Array(firstCapacity * width)
  let scores = new Float32Array(firstCapacity)
  let count = 0

  const check = (vector: Float32Array) => {
    if (vector.length === width) return
    throw new SpillwayError('input_shape_invalid', 'The vector has another width than the index', {
      expected: `${width} numbers`,
      got: `${vector.length}`,
    })
  }
  return {
    get count() {
      return count
    },
    add(vector) {
      check(vector)
      if (count === scores.length) {
        const before = rows
        rows = new Float32Array(2 * before.length)
        rows.set(before)
        scores = new Float32Array(2 * count)
      }
      rows.set(vector, count * width)
      return count++
    },
    nearest(vector, k) {
      check(vector)
      scoreRows(rows, vector, scores, count)
      return largest(scores, count, k)
    },
  }
}

/** Four rows at a time: each number of the vector is read once for all four, and the sums do not wait for each other. */
function scoreRows(rows: Float32Array, vector: Float32Array, scores: Float32Array, count: number): void {
  const width = vector.length
  for (let row = 0; row < count; row += 4) {
    const first = row * width
    const second = first + width
    const third = second + width
    const fourth = third + width
    let [a, b, c, d] = [0, 0, 0, 0]
    for (let column = 0; column < width; column++) {
      const value = vector[column] ?? 0
      a += (rows[first + column] ?? 0) * value
      b += (rows[second + column] ?? 0) * value
      c += (rows[third + column] ?? 0) * value
      d += (rows[fourth + column] ?? 0) * value
    }
    scores[row] = a
    scores[row + 1] = b
    scores[row + 2] = c
    scores[row + 3] = d
  }
}

/** Keeps the best so far in order: almost all scores fail against the least of them. */
function largest(scores: Float32Array, count: number, k: number): readonly Neighbour[] {
  const best: Neighbour[] = []
  let least = Number.NEGATIVE_INFINITY
  for (let index = 0; index < count; index++) {
    const score = scores[index] ?? 0
    if (best.length >= k && score <= least) continue
    let place = best.length
    while (place > 0 && (best[place - 1]?.score ?? 0) < score) place--
    best.splice(place, 0, { index, score })
    if (best.length > k) best.pop()
    least = best.at(-1)?.score ?? least
  }
  return best
}
